import { primitives } from '#crypto'
import { type Bytes, concat } from '../core/bytes.ts'
import { checkGiven } from '../core/given.ts'
import { checkHeaderMac, rawDataKeyOf } from './body-key.ts'
import { headerMac } from './derive.ts'
import { systemEntropy } from './entropy.ts'
import { type Header, headerLength, parseHeader, putHeader, type WrappedKey } from './header.ts'
import { checkKeyring, type Keyring } from './keyring.ts'
import { checkBytes } from './misuse.ts'
import type { Recipient } from './recipients.ts'
import { currentRecipients, wrapAll, wrappersOf } from './wrap.ts'

/** By whom it opens now, and by whom it is to open. */
export interface RewrapOptions {
  readonly with: Keyring
  readonly to: Recipient | readonly Recipient[]
}

/**
 * Gives an envelope other recipients. Its body stays byte for byte what it was, so nothing is decrypted and no context
 * is needed: the way to move data at rest to a new key, or to share it with one more.
 *
 * It proves that the header was whole, not that the body is: that shows when it is opened. Who was a recipient before
 * could have kept the data key, and opens every copy of this body by it for ever: only sealing anew takes that away.
 *
 * @param envelope all of it; or its beginning, of which the header is exchanged
 * @returns a new envelope; the one that was given is not changed
 * @throws {CountersignError} `unopened`, `option-invalid`, `key-invalid`
 * @example
 * const moved = await rewrap(envelope, { with: oldKeyring, to: newKeyring })
 * @see SVE1 §10.5
 */
export async function rewrap(envelope: Uint8Array, options: RewrapOptions): Promise<Bytes> {
  checkBytes(envelope, 'envelope')
  checkGiven(options, 'options')
  checkKeyring(options.with)
  const wrappers = wrappersOf(await currentRecipients(options.to))
  const header = parseHeader(envelope)
  const raw = await rawDataKeyOf(header, options.with)
  try {
    const dataKey = await primitives.macKey(raw)
    await checkHeaderMac(header, dataKey)
    const recipients = await wrapAll(wrappers, raw, systemEntropy)
    const head = headOf(header, recipients)
    return concat(head, await headerMac(dataKey, head), envelope.subarray(header.bytes))
  } finally {
    raw.fill(0)
  }
}

function headOf({ suite, salt, commitment }: Header, recipients: readonly WrappedKey[]): Bytes {
  return putHeader(new Uint8Array(headerLength(recipients)), { suite, recipients, salt, commitment })
}
