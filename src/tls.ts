export { followCertificate, tlsServerOptions } from './adapters/node-tls.ts'
export type { TlsClientOptions, TlsServerOptions, TlsVersion } from './adapters/tls-options.ts'
export { tlsClient } from './adapters/undici-tls.ts'
