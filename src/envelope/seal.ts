import { primitives } from '#crypto'
import type { Bytes } from '../core/bytes.ts'
import { type MaybePromise, type Steps, steps, wait } from '../core/maybe-promise.ts'
import { sealChunks, sealedLength } from './chunks.ts'
import { type EnvelopeContext, encodeContext } from './context.ts'
import { contentKeys, headerMac } from './derive.ts'
import { type Entropy, systemEntropy } from './entropy.ts'
import { encodeHeader, MAX_RECIPIENTS, type WrappedKey } from './header.ts'
import { checkBytes, optionInvalid } from './misuse.ts'
import type { Wrapper } from './recipient-type.ts'
import { type Recipient, wrapperOf } from './recipients.ts'
import { CHUNKED } from './suite.ts'

/** To whom, and under which context. */
export interface SealOptions {
  readonly to: Recipient | readonly Recipient[]
  /** Empty by default. The opener must give the very same. */
  readonly context?: EnvelopeContext
}

function wrappersOf(to: Recipient | readonly Recipient[]): Wrapper[] {
  const recipients: readonly Recipient[] = Array.isArray(to) ? to : [to]
  // Condition: sealing to nobody or to more than 32 recipients is refused.
  if (recipients.length < 1 || recipients.length > MAX_RECIPIENTS) {
    throw optionInvalid('to', `give 1 to ${MAX_RECIPIENTS} recipients`)
  }
  const wrappers = recipients.map(wrapperOf)
  const names = new Set(wrappers.map(({ type, kid }) => `${type.id} ${kid}`))
  // Condition: sealing to two recipients of one type and key id is refused.
  if (names.size !== wrappers.length) throw optionInvalid('to', 'give each recipient once')
  // Condition: sealing by the key of a session to anybody else besides is refused.
  if (wrappers.length > 1 && wrappers.some(({ derive }) => derive !== undefined)) {
    throw optionInvalid('to', 'a session seals to its other end alone')
  }
  return wrappers
}

function* wrapAll(wrappers: readonly Wrapper[], dataKey: Uint8Array, entropy: Entropy): Steps<WrappedKey[]> {
  const wrapped: WrappedKey[] = []
  for (const wrapper of wrappers) {
    const body = yield* wait(wrapper.wrap(dataKey, entropy))
    wrapped.push({ typeId: wrapper.type.id, kidField: wrapper.kidField, body })
  }
  return wrapped
}

/** Seals with randomness that is given: for published vectors, whose bytes have to come out. */
export const sealWith = steps(function* (entropy: Entropy, plaintext: Uint8Array, options: SealOptions): Steps<Bytes> {
  checkBytes(plaintext, 'bytes')
  const wrappers = wrappersOf(options.to)
  const context = encodeContext(options.context ?? {})
  // Condition: sealing under a context that has no encoding is refused.
  if (context === undefined) throw optionInvalid('context', 'give well-formed texts of at most 65,535 bytes')
  const suite = CHUNKED
  const salt = entropy.salt()
  const raw = (yield* wait(wrappers[0]?.derive?.(salt))) ?? entropy.dataKey()
  const recipients = yield* wrapAll(wrappers, raw, entropy)
  const dataKey = yield* wait(primitives.macKey(raw))
  raw.fill(0)
  const { key, baseNonce, commitment } = yield* wait(contentKeys(dataKey, { suite, salt, context }))
  const head = encodeHeader({ suite, recipients, salt, commitment })
  const mac = yield* wait(headerMac(dataKey, head))
  const headerBytes = head.length + mac.length
  const envelope = new Uint8Array(headerBytes + sealedLength(plaintext.length, suite.chunkBytes))
  envelope.set(head)
  envelope.set(mac, head.length)
  const chunkKey = { key: yield* wait(primitives.aeadKey(key)), baseNonce, chunkBytes: suite.chunkBytes }
  key.fill(0)
  yield* wait(sealChunks(chunkKey, plaintext, envelope.subarray(headerBytes)))
  return envelope
})

/**
 * Seals bytes for one recipient or several, bound to a context, under a key of their own. Any of the recipients opens
 * the envelope, and all of them see the same bytes.
 *
 * It does not prove who sealed: whoever can seal to a recipient can make such an envelope. That is what the signature
 * of a call, or of a record, is for. Length and key ids stay visible.
 *
 * @param bytes at most what fits into memory beside the envelope, which is 16 bytes per 16 KiB longer, and 183 bytes
 *   or so for the header
 * @throws {CountersignError} `option-invalid`, `key-invalid`
 * @example
 * const envelope = await seal(new TextEncoder().encode('{"amount":100}'), {
 *   to: keyring,
 *   context: { tenant: 'acme', table: 'charges', id: '42' },
 * })
 * @see SVE1 §10.1, §10.2; C2SP chunked-encryption
 */
export async function seal(bytes: Uint8Array, options: SealOptions): Promise<Bytes> {
  return sealBytes(bytes, options)
}

/** The same, at once where the runtime can. */
export function sealBytes(bytes: Uint8Array, options: SealOptions): MaybePromise<Bytes> {
  return sealWith(systemEntropy, bytes, options)
}
