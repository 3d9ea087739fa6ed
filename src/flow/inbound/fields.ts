import { Fields } from '../../core/message.ts'
import { isDemanded, isProofField, isUnproven } from '../../signature/coverage.ts'
import { isTokenProof } from '../../signature/token-proof.ts'
import type { GuardSettings } from './guard-settings.ts'
import { foldedName, isNaming } from './naming-fields.ts'
import type { Read } from './stages.ts'

/** Fields that only a proof gives a meaning: nobody sees them as they arrived, whoever sent them. */
const OURS = new Set([
  'workload-identity-token',
  'workload-proof-token',
  'content-digest',
  'content-envelope',
  'accept-envelope',
])

/** What a hop that is believed says of the connection behind it. */
const OF_HOPS = new Set(['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto'])

/** What a handler sees of the header: what is covered, what names nobody, and what the guard was told to pass. */
export function handlerFields(guard: GuardSettings, call: Read): { fields: Fields; dropped: string[] } {
  const { proof, request } = call
  const isProven = call.token !== undefined && proof !== undefined
  // A proof token covers the tokens that come with it; for the rest its caller is as one who proved nothing.
  const isForwarded = call.arrival.proxy !== undefined
  const isWhole = isProven && !isTokenProof(proof)
  const raw: string[] = []
  const dropped: string[] = []
  for (const name of request.fields.names()) {
    if (isOwn(name)) continue
    const isCovered = isProven && proof.covers(name)
    if (!isSeen(guard, name, { isWhole, isCovered, isForwarded })) dropped.push(name)
    // Condition: a covered field that was split on its way reaches a handler as the one value that was signed.
    else if (isCovered) raw.push(name, request.fields.get(name) ?? '')
    else for (const value of request.fields.all(name)) raw.push(name, value)
  }
  const kept = new Fields(raw)
  if (!call.announced.sealed) return { fields: kept, dropped }
  const inner = call.announced.contentType
  return {
    fields: inner === '' ? kept.filter((name) => name !== 'content-type') : kept.with({ 'content-type': inner }),
    dropped,
  }
}

function isOwn(name: string): boolean {
  return isProofField(name) || OURS.has(name)
}

interface Standing {
  /** Whether the caller's proof covers the whole message, so that what it does not cover was added on the way. */
  readonly isWhole: boolean
  readonly isCovered: boolean
  /** Whether it came over a hop that is believed. */
  readonly isForwarded: boolean
}

function isSeen({ pass, secrets, handedOn }: GuardSettings, name: string, standing: Standing): boolean {
  const { isWhole, isCovered, isForwarded } = standing
  const folded = foldedName(name)
  // Condition: another spelling of a field of the library, or of one that has to be covered, never reaches a handler.
  if (folded !== name && (isOwn(folded) || isDemanded(folded))) return false
  // Condition: a field in which callers show a secret never reaches a handler, covered or not.
  if (secrets.has(folded)) return false
  if (isCovered) return true
  // Condition: a field that authenticates callers here reaches no handler unless their signature covers it.
  if (handedOn.has(folded)) return false
  if (pass.has(name)) return true
  // Condition: what a hop says of the connection behind it reaches a handler only from one that is believed.
  if (isForwarded && OF_HOPS.has(name)) return true
  // Condition: a field that names somebody reaches a handler in no spelling, unless a proof covers it.
  if (isNaming(folded)) return false
  // Condition: a field that no proof covers never reaches a handler.
  if (isWhole) return isUnproven(name)
  return true
}
