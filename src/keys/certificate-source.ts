import type { Watch } from '../platform/platform.ts'
import { fileSource } from './file-source.ts'
import type { Source } from './source.ts'

/** A certificate and its key, both in PEM. */
export interface CertificatePair {
  /** The certificate of the workload, and behind it those that lead to the CA: ten in all at most. */
  readonly certificate: string
  /** Its private key: PKCS #8, or as OpenSSL writes EC and RSA keys; not encrypted. */
  readonly key: string
}

/** Gives the certificate of a workload and its key, and says when there are new ones. */
export type CertificateSource = Source<CertificatePair>

/**
 * Reads the certificate of a workload and its key from two files, and again whenever one of them changes. A pair that
 * does not fit, because one file was renewed before the other, leaves the one before in place. That the certificate is
 * one of this workload is checked where it is used, and not that others trust its CA.
 *
 * @param paths `certificate`: the workload's own in PEM, and behind it those that lead to the CA; `key`: its private key,
 *   readable by nobody but the workload
 * @throws `credentials-invalid` when it is loaded, naming file and fix, never content; `no-disk` where there is none
 * @example
 * const certificate = certificateFiles({ certificate: 'tls/orders.pem', key: 'tls/orders.key' })
 * const orders = await createWorkload({ id, credentials, trust, certificate })
 * @see RFC 7468, SPIFFE X.509-SVID
 */
export function certificateFiles(paths: { readonly certificate: string; readonly key: string }): CertificateSource {
  const asText = (text: string) => text
  const certificate = fileSource(paths.certificate, asText, 'credentials-invalid')
  const key = fileSource(paths.key, asText, 'credentials-invalid')
  return Object.freeze({
    load: async () => ({ certificate: await certificate.load(), key: await key.load() }),
    watch(changed: () => void): Watch {
      const watches = [certificate.watch?.(changed), key.watch?.(changed)]
      return {
        close() {
          for (const watch of watches) watch?.close()
        },
      }
    },
  })
}

/**
 * Gives the certificate of a workload and its key from memory; it does not change. That the certificate is one of this
 * workload is checked where it is used, and not that others trust its CA.
 *
 * @throws `credentials-invalid` when it is loaded, naming the part and the fix, never content
 * @example
 * const certificate = certificatePem({ certificate: chainPem, key: keyPem })
 * @see RFC 7468, SPIFFE X.509-SVID
 */
export function certificatePem({ certificate, key }: CertificatePair): CertificateSource {
  const pair = Object.freeze({ certificate, key })
  return Object.freeze({ load: () => pair })
}
