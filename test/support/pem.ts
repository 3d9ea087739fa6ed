import { toBase64 } from '../../src/core/base64url.ts'
import type { CertificatePair } from '../../src/keys/certificate-source.ts'
import type { Made } from './certificate.ts'

/** A certificate in PEM. */
export function pemOf({ der }: Pick<Made, 'der'>): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Its private key in PEM. */
export function keyPemOf({ key }: Pick<Made, 'key'>): string {
  return key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
}

/** What a workload shows: its certificate, those that lead to its CA, and its key. */
export function pairOf(made: Made, ...others: readonly Made[]): CertificatePair {
  return { certificate: [made, ...others].map(pemOf).join(''), key: keyPemOf(made) }
}
