import { Fields } from '../../core/message.ts'
import { isProofField, isUnproven } from '../../signature/coverage.ts'
import { isTokenProof } from '../../signature/token-proof.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Read } from './stages.ts'

/** Fields that only a proof gives a meaning: nobody sees them as they arrived, whoever sent them. */
const OURS = new Set([
  'workload-identity-token',
  'workload-proof-token',
  'content-digest',
  'content-envelope',
  'accept-envelope',
])

/** Fields that name somebody: a caller who proved nothing says nothing by them. */
const NAMING = new Set(['txn-token', 'x-forwarded-client-cert', 'client-cert', 'client-cert-chain'])

/** What a handler sees of the header: what is covered, what is passed on by design, and what the guard was told to pass. */
export function handlerFields(guard: GuardSettings, call: Read): { fields: Fields; dropped: string[] } {
  const { proof, request } = call
  const isWhole = proof !== undefined && !isTokenProof(proof)
  const proven = call.token !== undefined && isWhole
  const raw: string[] = []
  const dropped: string[] = []
  for (const name of request.fields.names()) {
    if (isProofField(name) || OURS.has(name)) continue
    const isCovered = call.token !== undefined && proof?.covers(name) === true
    // Condition: a field that authenticates callers here reaches no handler unless their signature covers it.
    if (guard.secrets.has(name) && !isCovered) {
      dropped.push(name)
      continue
    }
    // Condition: a field that no proof covers never reaches a handler.
    if (isCovered || (proven ? isUnproven(name) || guard.pass.has(name) : !NAMING.has(name))) {
      // Condition: a covered field that was split on its way reaches a handler as the one value that was signed.
      if (isCovered) raw.push(name, request.fields.get(name) ?? '')
      else for (const value of request.fields.all(name)) raw.push(name, value)
    } else dropped.push(name)
  }
  const kept = new Fields(raw)
  if (!call.announced.sealed) return { fields: kept, dropped }
  const inner = call.announced.contentType
  return {
    fields: inner === '' ? kept.filter((name) => name !== 'content-type') : kept.with({ 'content-type': inner }),
    dropped,
  }
}
