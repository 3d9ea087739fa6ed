import { CountersignError } from '../../core/errors.ts'
import { anonymous, type Peer } from '../../identity/peer.ts'
import { readWorkloadId } from '../../identity/workload-id.ts'
import type { Authenticator, Established } from '../../peer/authenticator.ts'
import { isWorkloadProof, proveWorkload } from '../../peer/workload-proof.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Authenticated, Parsed } from './stages.ts'

/** Finds out who calls: the first way whose evidence is present decides, and nothing falls through to a weaker one. */
export async function authenticate(guard: GuardSettings, parsed: Parsed): Promise<Authenticated> {
  for (const authenticator of guard.accept) {
    const found = isWorkloadProof(authenticator)
      ? await byWorkloadProof(guard, parsed)
      : await byEvidence(authenticator, parsed)
    if (found !== undefined) return { ...parsed, ...found }
  }
  return { ...parsed, peer: anonymous, token: undefined }
}

type Found = Pick<Authenticated, 'peer' | 'token'>

async function byWorkloadProof(guard: GuardSettings, parsed: Parsed): Promise<Found | undefined> {
  const { engine } = guard
  const { proof, request } = parsed
  if (proof === undefined) {
    // Condition: a workload identity token without a proof is refused.
    if (request.fields.has('workload-identity-token'))
      throw new CountersignError('proof-missing', { detail: { step: 'proof' } })
    return undefined
  }
  const context = {
    tokens: engine.tokens,
    trust: engine.trust.current(),
    clock: engine.clock,
    toleranceSeconds: engine.toleranceSeconds,
  }
  const proven = await proveWorkload(context, request, proof)
  checkAudience(guard, parsed, proof.parameters.audience)
  return proven
}

function checkAudience(guard: GuardSettings, parsed: Parsed, audience: string | undefined): void {
  const { engine } = guard
  if (audience === engine.id) return
  const isOurs = engine.audiences.some(
    (ours) => audience === new URL(ours).origin + parsed.target.path && covers(ours, audience),
  )
  // Condition: a proof that is addressed to another workload is refused.
  if (!isOurs) {
    throw new CountersignError('audience-mismatch', {
      detail: { step: 'audience', expected: engine.id, received: audience ?? '' },
    })
  }
}

/** A prefix covers a URL at a segment boundary only. */
function covers(prefix: string, url: string): boolean {
  return url === prefix || url.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}

async function byEvidence(authenticator: Authenticator, parsed: Parsed): Promise<Found | undefined> {
  const { request, arrival } = parsed
  const evidence = {
    method: request.method,
    target: request.target,
    ...(arrival.address === undefined ? {} : { address: arrival.address }),
    header: (name: string) => request.fields.get(name.toLowerCase()),
  }
  const established = await attempt(authenticator, () => authenticator.authenticate(evidence))
  return established === undefined ? undefined : { peer: peerOf(authenticator, established), token: undefined }
}

async function attempt<T>(authenticator: Authenticator, body: () => T): Promise<Awaited<T>> {
  try {
    return await body()
  } catch (cause) {
    // Condition: evidence that an authenticator of your own calls bad is refused.
    throw new CountersignError('proof-invalid', { cause, detail: { step: authenticator.name } })
  }
}

function peerOf(authenticator: Authenticator, established: Established): Peer {
  const { id } = established
  // Condition: an authenticator of your own cannot give the identity of a workload.
  if (
    typeof id !== 'string' ||
    id === '' ||
    id === anonymous.id ||
    readWorkloadId(id) !== undefined ||
    /^(spiffe|wimse):/i.test(id)
  ) {
    throw new CountersignError('proof-invalid', { detail: { step: authenticator.name } })
  }
  return Object.freeze({
    id,
    authenticatedBy: authenticator.name,
    scopes: established.scopes ?? [],
    claims: established.claims ?? {},
    also: [],
  })
}
