import { parseTarget } from '../../core/canonical.ts'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import type { HttpRequest } from '../../core/message.ts'
import { callerAddress, isProxyAddress } from '../../peer/proxies.ts'
import { readTokenProof } from '../../peer/workload-proof.ts'
import { type Proof, readProof } from '../../signature/proof.ts'
import { callNameOf } from '../../signature/proof-parameters.ts'
import { readQuickly } from '../../signature/quick-proof.ts'
import { callIdOf } from '../call-id.ts'
import { checkStreamed, readAnnounced } from '../envelope-field.ts'
import type { GuardSettings } from './guard-settings.ts'
import { type Arrival, createParsed, type Parsed } from './stages.ts'

const METHOD = /^[A-Z][A-Z0-9-]{0,31}$/
const MAX_FIELD_BYTES = 65_536

/** What is said of a call before it could be read. */
export interface Early {
  readonly startedAt: number
  callId?: string
}

/** Reads the head: cheap checks that need no key, in the order of their cost. */
export function parse(guard: GuardSettings, given: Arrival, early: Early): Parsed {
  const arrival = seenThrough(guard, given)
  const request = withPrefix(arrival.request, guard.strippedPrefix)
  checkSize(request)
  // Condition: a method that is not an upper-case token is refused.
  if (!METHOD.test(request.method)) throw new CountersignError('request-malformed', { detail: { step: 'method' } })
  const target = parseTarget(request.target)
  const { proof, observed } = findProof(guard, request)
  const callId = callIdOf(proof && callNameOf(proof.parameters))
  early.callId = callId
  checkUpgrade(guard, request, proof)
  const announced = readAnnounced(request.fields)
  if (proof !== undefined) checkStreamed(announced, proof, request.fields)
  const { startedAt } = early
  return createParsed({ arrival, request, callId, startedAt, target, proof, observed, announced })
}

/** What a hop that is believed says of who stands behind it. */
function seenThrough({ proxies }: GuardSettings, arrival: Arrival): Arrival {
  if (proxies.ranges.length === 0 || !isProxyAddress(proxies, arrival.address)) return arrival
  const address = callerAddress(proxies, arrival.request.fields.get('x-forwarded-for'))
  return { ...arrival, address, proxy: arrival.address }
}

/** The request as its caller signed it: with what an ingress has cut off its path. */
export function withPrefix(request: HttpRequest, prefix: string): HttpRequest {
  return prefix === '' ? request : { ...request, target: prefix + request.target }
}

function checkSize(request: HttpRequest): void {
  let bytes = 0
  for (const part of request.fields.raw) bytes += part.length
  // Condition: header fields of more than 64 KiB are refused.
  if (bytes > MAX_FIELD_BYTES) throw new CountersignError('request-malformed', { detail: { step: 'size' } })
}

/** Signature fields that cannot be read are a bad proof: while observing, somebody else's way of signing passes. */
function findProof(guard: GuardSettings, request: HttpRequest): Pick<Parsed, 'proof' | 'observed'> {
  try {
    const { fields } = request
    const signature = readQuickly(fields, 'request') ?? readProof(fields, 'request')
    // What proves more decides, and a guard that was not told to take proof tokens has never seen one.
    const proof = signature ?? (guard.takesProofTokens ? readTokenProof(fields) : undefined)
    return { proof, observed: undefined }
  } catch (cause) {
    if (guard.mode !== 'observe' || !isCountersignError(cause)) throw cause
    return { proof: undefined, observed: cause.code }
  }
}

function checkUpgrade(guard: GuardSettings, request: HttpRequest, proof: Proof | undefined): void {
  const upgrade = request.fields.get('upgrade')
  if (upgrade === undefined) return
  // Condition: an upgrade that is not covered by the signature and listed by the guard is refused.
  if (!guard.upgrades.has(upgrade.toLowerCase()) || proof?.covers('upgrade') !== true) {
    throw new CountersignError('upgrade-refused', { detail: { step: 'upgrade' } })
  }
}
