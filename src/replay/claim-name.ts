import { CountersignError } from '../core/errors.ts'

const PRINTABLE = /^[\x21-\x7e]+$/

/** The name a call is claimed under: who is called, who calls, and the nonce that is unique between the two. */
export function claimName(callee: string, caller: string, nonce: string): string {
  // Condition: a nonce that is empty or not printable ASCII without spaces is refused.
  if (!PRINTABLE.test(nonce)) throw new CountersignError('proof-incomplete', { detail: { step: 'nonce' } })
  // Condition: an identifier that is not printable ASCII without spaces names no claim.
  if (!PRINTABLE.test(callee) || !PRINTABLE.test(caller)) {
    throw new CountersignError('proof-invalid', { detail: { step: 'claim' } })
  }
  return `${callee} ${caller} ${nonce}`
}
