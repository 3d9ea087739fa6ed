/** Where the certificate of a caller is. */
export interface ClientCertificateOptions {
  /**
   * `'connection'` (default): what the other end of the TLS connection has shown. `'client-cert'`: the fields of RFC 9440, and
   * `'x-forwarded-client-cert'`: that of Envoy, both from `trustedProxies` of the guard alone.
   */
  readonly from?: 'connection' | 'client-cert' | 'x-forwarded-client-cert' | undefined
  /**
   * Takes the word of an Envoy that forwards no `Cert`. Its cost: the proxy alone decides who a caller is, in every trust domain;
   * no CA of ours is asked. Default false.
   */
  readonly dangerouslyBelieveProxy?: boolean | undefined
}
