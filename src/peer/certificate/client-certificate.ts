import { toBase64url } from '../../core/base64url.ts'
import { equalText, fromHex } from '../../core/bytes.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { checkOptions } from '../../core/options.ts'
import { certificateInvalid } from '../../identity/certificate-refusal.ts'
import type { Peer } from '../../identity/peer.ts'
import type { ShownCertificate, VerifiedCertificate } from '../../trust/verify-certificate.ts'
import { type Authenticator, type OwnEvidence, ownAuthenticator, type Surroundings } from '../authenticator.ts'
import type { CertificateJudge } from './certificate-judge.ts'
import { parseClientCert } from './client-cert.ts'
import type { ClientCertificateOptions } from './client-certificate-options.ts'
import { parseForwardedClientCert } from './forwarded-client-cert.ts'
import { clientCertificateSchema } from './schema.ts'

/** What is told of a caller; its serial number only where its certificate was seen. */
type Known = Pick<VerifiedCertificate, 'id' | 'trustDomain' | 'thumbprint'> &
  Partial<Pick<VerifiedCertificate, 'serial'>>

type Found = MaybePromise<Known | undefined>

/** Looks for the certificate of a caller where it has to be. */
type Look = (evidence: OwnEvidence, judge: CertificateJudge, around: Surroundings) => Found

/**
 * Accepts callers by the X.509 certificate of a workload: an X.509-SVID (SPIFFE) or a workload identity certificate (WIMSE), up
 * to the CA certificates that the trust bundle has for its trust domain, and no others. It is judged anew at each request by
 * trust as it is then, however long its connection lives. `authenticatedBy` is `certificate`.
 *
 * From the connection it proves who is at its other end, and that nobody in between reads or changes the call; where a proxy
 * ends the connection, that is the proxy. From `Client-Cert` (RFC 9440) or `X-Forwarded-Client-Cert` (Envoy) it proves what a
 * proxy of the guard's `trustedProxies` says; from anybody else these fields count as not sent. It covers no single call: no
 * replay, no body, and the answer is not signed.
 *
 * Refusals are 403 with `certificate-invalid`, and the rule in the trail; `trust-unavailable` where trust is too old.
 *
 * @throws {CountersignError} `option-invalid`; `no-certificates` when the guard is made where the runtime has no X.509
 * @example
 * const listener = guard(ledger, { policy, accept: [clientCertificate()] }, handler)
 * const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, listener)
 * @see SPIFFE X.509-SVID §5, draft-ietf-wimse-mutual-tls, RFC 9440 §3
 */
export function clientCertificate(options: ClientCertificateOptions = {}): Authenticator {
  const { from = 'connection', dangerouslyBelieveProxy = false } = checkOptions(
    clientCertificateSchema,
    options,
    'clientCertificate',
  )
  const looks: Readonly<Record<typeof from, Look>> = {
    connection: onConnection,
    'client-cert': inClientCert,
    'x-forwarded-client-cert': dangerouslyBelieveProxy ? inForwardedUnshown : inForwarded,
  }
  return ownAuthenticator('certificate', (around) => {
    const judge = around.certificates()
    if (dangerouslyBelieveProxy)
      around.report('dangerous.used', { option: 'clientCertificate.dangerouslyBelieveProxy' })
    return {
      authenticate: (evidence) => andThen(looks[from](evidence, judge, around), (found) => found && peerOf(found)),
      challenge: () => [],
      close: () => undefined,
    }
  })
}

function peerOf({ id, trustDomain, thumbprint, serial }: Known): Peer {
  return Object.freeze({
    id: id.id,
    authenticatedBy: 'certificate',
    trustDomain,
    scopes: Object.freeze([]),
    claims: Object.freeze({ 'x5t#S256': thumbprint, ...(serial === undefined ? {} : { serial }) }),
    also: Object.freeze([]),
  })
}

function onConnection(evidence: OwnEvidence, judge: CertificateJudge): Found {
  const shown = evidence.connection()
  return shown === undefined ? undefined : judge.ofConnection(shown)
}

/** What the fields say counts only where somebody who is believed has put it there. */
function ifFromProxy(evidence: OwnEvidence, look: () => Found): Found {
  return andThen(evidence.isFromProxy(), (isFromProxy) => (isFromProxy ? look() : undefined))
}

function inClientCert(evidence: OwnEvidence, judge: CertificateJudge): Found {
  const [field, chain] = [evidence.header('client-cert'), evidence.header('client-cert-chain')]
  if (field === undefined && chain === undefined) return undefined
  return ifFromProxy(evidence, () => judge.ofFields(`${field}\n${chain}`, () => shownIn(field, chain)))
}

function shownIn(field: string | undefined, chain: string | undefined): ShownCertificate {
  const shown = parseClientCert(field, chain)
  if (shown === undefined) throw certificateInvalid('client-cert')
  return shown
}

function inForwarded(evidence: OwnEvidence, judge: CertificateJudge, around: Surroundings): Found {
  const field = evidence.header('x-forwarded-client-cert')
  if (field === undefined) return undefined
  return ifFromProxy(evidence, () => judge.ofFields(field, () => shownForwarded(field, evidence, around)))
}

async function shownForwarded(field: string, evidence: OwnEvidence, around: Surroundings): Promise<ShownCertificate> {
  const said = await parseForwardedClientCert(field)
  assertIsOurs(said.by, evidence, around)
  // Condition: a forwarded client whose certificate is not forwarded with it is refused.
  if (said.shown === undefined) throw certificateInvalid('xfcc-cert')
  return said.shown
}

/** Whoever wrote the last element says who it is: a proxy that is believed by name, or the one that stands in for us. */
function assertIsOurs(by: readonly string[], evidence: OwnEvidence, { id }: Surroundings): void {
  // Condition: a forwarded client of a proxy that is neither ours nor listed by name is refused.
  if (!by.some((name) => equalText(name, id) || evidence.isProxy(name))) throw certificateInvalid('xfcc-by')
}

/** The word of the proxy alone: nobody here has seen the certificate. */
function inForwardedUnshown(evidence: OwnEvidence, judge: CertificateJudge, around: Surroundings): Found {
  const field = evidence.header('x-forwarded-client-cert')
  if (field === undefined) return undefined
  return ifFromProxy(evidence, () =>
    andThen(parseForwardedClientCert(field), ({ id, hash, by, shown }) => {
      if (shown !== undefined) return inForwarded(evidence, judge, around)
      assertIsOurs(by, evidence, around)
      // Condition: a forwarded client that was revoked is refused, whatever its proxy says.
      if (around.isRevoked({ id: id.id })) throw certificateInvalid('revoked')
      return { id, trustDomain: id.trustDomain, thumbprint: toBase64url(fromHex(hash)) }
    }),
  )
}
