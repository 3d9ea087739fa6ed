import type { Fields } from '../../core/message.ts'
import { isProofField, isUnproven } from '../../signature/coverage.ts'
import type { GuardSettings } from './guard-options.ts'
import type { Read } from './stages.ts'

/** Fields that only a proof gives a meaning: nobody sees them as they arrived, whoever sent them. */
const OURS = new Set([
  'workload-identity-token',
  'workload-proof-token',
  'content-digest',
  'content-envelope',
  'accept-envelope',
])

/** What a handler sees of the header: what is covered, what is passed on by design, and what the guard was told to pass. */
export function handlerFields(guard: GuardSettings, call: Read): { fields: Fields; dropped: string[] } {
  const { proof, request } = call
  const proven = call.token !== undefined && proof !== undefined
  const dropped: string[] = []
  const kept = request.fields.filter((name) => {
    if (isProofField(name) || OURS.has(name)) return false
    // Condition: a field that no proof covers never reaches a handler.
    const isSeen = !proven ? name !== 'txn-token' : proof.covers(name) || isUnproven(name) || guard.pass.has(name)
    if (!isSeen && !dropped.includes(name)) dropped.push(name)
    return isSeen
  })
  if (!call.announced.sealed) return { fields: kept, dropped }
  const inner = call.announced.contentType
  return {
    fields: inner === '' ? kept.filter((name) => name !== 'content-type') : kept.with({ 'content-type': inner }),
    dropped,
  }
}
