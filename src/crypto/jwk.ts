/** A public or private key as JSON (RFC 7517), the only form keys are given in. */
export interface Jwk {
  readonly kty: string
  readonly kid?: string
  readonly alg?: string
  readonly use?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly d?: string
  readonly k?: string
  readonly n?: string
  readonly e?: string
  readonly [member: string]: unknown
}
