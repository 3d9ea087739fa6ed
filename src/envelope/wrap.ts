import { andThen, inTurn, type MaybePromise } from '../core/maybe-promise.ts'
import type { Entropy } from './entropy.ts'
import { headerLength, MAX_HEADER_BYTES, MAX_RECIPIENTS, type WrappedKey } from './header.ts'
import { optionInvalid } from './misuse.ts'
import type { Wrapper } from './recipient-type.ts'
import { currentOf, isFollowing, type Recipient, wrapperOf } from './recipients.ts'

/** The recipients that these are at the moment. */
export function currentRecipients(
  to: Recipient | readonly Recipient[],
): MaybePromise<Recipient | readonly Recipient[]> {
  if (!Array.isArray(to)) return currentOf(to as Recipient)
  return to.some(isFollowing) ? Promise.all(to.map(currentOf)) : to
}

/** Throws for recipients that no envelope can have, as far as they are known by now. */
export function checkRecipients(to: Recipient | readonly Recipient[]): void {
  const isKnown = Array.isArray(to) ? !to.some(isFollowing) : !isFollowing(to as Recipient)
  if (isKnown) wrappersOf(to)
}

/** What wraps data keys for these recipients, or throws for those that no envelope can have. */
export function wrappersOf(to: Recipient | readonly Recipient[]): Wrapper[] {
  const recipients: readonly Recipient[] = Array.isArray(to) ? to : [to]
  // Condition: sealing to nobody or to more than 32 recipients is refused.
  if (recipients.length < 1 || recipients.length > MAX_RECIPIENTS) {
    throw optionInvalid('to', `give 1 to ${MAX_RECIPIENTS} recipients`)
  }
  const wrappers = recipients.map(wrapperOf)
  if (wrappers.length > 1) checkTogether(wrappers)
  return wrappers
}

function checkTogether(wrappers: readonly Wrapper[]): void {
  const names = new Set(wrappers.map(({ type, kid }) => `${type.id} ${kid}`))
  // Condition: sealing to two recipients of one type and key id is refused.
  if (names.size !== wrappers.length) throw optionInvalid('to', 'give each recipient once')
  // Condition: sealing by the key of a session to anybody else besides is refused.
  if (wrappers.some(({ derive }) => derive !== undefined)) {
    throw optionInvalid('to', 'a session seals to its other end alone')
  }
}

/** Wraps a data key for each of them. */
export function wrapAll(
  wrappers: readonly Wrapper[],
  dataKey: Uint8Array,
  entropy: Entropy,
): MaybePromise<readonly WrappedKey[]> {
  const wrapped: WrappedKey[] = []
  const done = inTurn(wrappers.length, (index) => {
    const { type, kidField, wrap } = wrappers[index] as Wrapper
    return andThen(wrap(dataKey, entropy), (body) => {
      wrapped.push({ typeId: type.id, kidField, body })
    })
  })
  return andThen(done, () => {
    // Condition: recipients that need a longer header than 16,384 bytes are refused.
    if (headerLength(wrapped) > MAX_HEADER_BYTES) {
      throw optionInvalid('to', 'give fewer recipients whose keys are with a service')
    }
    return wrapped
  })
}
