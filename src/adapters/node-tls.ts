import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type Server, type TlsOptions } from 'node:tls'
import type { Workload } from '../flow/workload.ts'
import type { CertificateHolder } from '../keys/certificate-holder.ts'
import type { Watch } from '../platform/platform.ts'
import { checkTlsServerOptions, showingEngine, type TlsServerOptions } from './tls-options.ts'

/**
 * What a ticket resumes has the certificate of the caller, and not those that lead from it to its CA; so nothing is
 * resumed. A second handshake within a connection could change who calls.
 */
const SECURE_OPTIONS = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION

function settingsOf(holder: CertificateHolder, minVersion: TlsServerOptions['minVersion'] = 'TLSv1.3') {
  const { chainPem, keyPem } = holder.current()
  // No CA at all: whom Node believes decides nothing here.
  return { cert: chainPem, key: keyPem.reveal(), ca: [], minVersion, secureOptions: SECURE_OPTIONS }
}

/**
 * Makes the options of `createServer` of `node:https` or `node:tls`: the server shows the certificate that its workload
 * has at the time of each handshake, and asks each caller for one. It proves nothing of callers: no connection is
 * refused for the certificate it comes with, because who calls is judged at each request, by the trust of that moment,
 * which may change while the connection lives. Whoever comes without a certificate has no identity by it.
 *
 * Callers that do not name the host (SNI), such as those that call an address, get the certificate of now only where
 * `followCertificate` was called for the server.
 *
 * @param options `minVersion`: default `'TLSv1.3'`
 * @throws `option-invalid` where the workload has no certificate, or an option is not known; `credentials-unavailable`
 *   where its certificate has expired
 * @example
 * const server = createServer(tlsServerOptions(ledger), guard(ledger, { policy }, handler))
 * followCertificate(server, ledger)
 * @see RFC 8446 §4.4.2, draft-ietf-wimse-mutual-tls
 */
export function tlsServerOptions(workload: Workload, options: TlsServerOptions = {}): TlsOptions {
  const { holder } = showingEngine(workload)
  const { minVersion } = checkTlsServerOptions(options)
  let made: { readonly context: SecureContext; readonly generation: number } | undefined
  const contextNow = () => {
    const { generation } = holder.current()
    if (made?.generation !== generation)
      made = { context: createSecureContext(settingsOf(holder, minVersion)), generation }
    return made.context
  }
  return {
    ...settingsOf(holder, minVersion),
    requestCert: true,
    rejectUnauthorized: false,
    SNICallback(_name, done) {
      try {
        done(null, contextNow())
      } catch (error) {
        done(error as Error)
      }
    },
  }
}

/**
 * Lets a server that was made with `tlsServerOptions` follow the certificate of its workload for callers that do not name
 * the host, too. Connections that are there go on; handshakes from then on have the new one. It ends with the server and
 * with the workload, or when what is returned is closed.
 *
 * @param options those that `tlsServerOptions` was given
 * @throws `option-invalid`, `credentials-unavailable` as `tlsServerOptions`
 * @example
 * followCertificate(server, ledger)
 */
export function followCertificate(server: Server, workload: Workload, options: TlsServerOptions = {}): Watch {
  const { holder } = showingEngine(workload)
  const { minVersion } = checkTlsServerOptions(options)
  const follow = () => server.setSecureContext(settingsOf(holder, minVersion))
  // It may have changed since the server was made.
  follow()
  const watch = holder.onChange(follow)
  const close = () => {
    watch.close()
    server.off('close', close)
  }
  server.once('close', close)
  return { close }
}
