import { CountersignError } from '../core/errors.ts'
import type { Engine } from '../flow/engine.ts'
import { parseCertificate } from '../identity/certificate.ts'
import { namesHost } from '../identity/certificate-host.ts'
import { certificateInvalid } from '../identity/certificate-refusal.ts'
import { parseWorkloadId } from '../identity/workload-id.ts'
import { isOfUnknownCa, type ShownCertificate, verifyCertificate } from '../trust/verify-certificate.ts'

/** Whom a connection is to lead to. */
export interface Destination {
  readonly peer: string
  /** That of the URL. */
  readonly hostname: string
}

/**
 * Judges what a server has shown by the trust of now: that it is the peer that was called, and that it may be at this
 * host. Gives until when that holds, without the tolerance of the clock.
 *
 * @throws `certificate-invalid`, `answer-foreign`, `trust-unavailable`
 * @see draft-ietf-wimse-mutual-tls, RFC 9525 §6
 */
export async function judgeServer(
  { trust, clock, toleranceSeconds }: Engine,
  shown: ShownCertificate | undefined,
  { peer, hostname }: Destination,
): Promise<number> {
  // Condition: a server that shows no certificate is not called.
  if (shown === undefined) throw certificateInvalid('missing')
  const grounds = { trust: trust.current(), clock, toleranceSeconds, role: 'server' } as const
  const verified = await verifyCertificate(shown, grounds)
  // Condition: a server whose certificate names another workload than the one behind its origin is not called.
  if (verified.id.id !== peer) throw new CountersignError('answer-foreign', { detail: { step: 'certificate' } })
  const isNamed = namesHost(parseCertificate(shown.leaf).extensions, hostname)
  // Condition: a server whose certificate is for other hosts than the one that was called is not called.
  if (isNamed === false) throw certificateInvalid('host')
  // Condition: a server under wimse whose certificate does not name its host is not called.
  if (isNamed === undefined && verified.id.scheme === 'wimse') throw certificateInvalid('host')
  return verified.notAfter
}

/** The same of a server that was just connected to: a CA that was published a moment ago is looked for once. */
export async function judgeNewServer(
  engine: Engine,
  shown: ShownCertificate | undefined,
  destination: Destination,
): Promise<number> {
  try {
    return await judgeServer(engine, shown, destination)
  } catch (error) {
    // Of the domain that was called: a stranger has no say in what is looked for.
    const { origin } = parseWorkloadId(destination.peer)
    if (!isOfUnknownCa(error) || (await engine.trust.renew(origin)) === undefined) throw error
    return judgeServer(engine, shown, destination)
  }
}
