import { primitives } from '#crypto'
import type { Bytes } from '../core/bytes.ts'
import { andThen, inTurn, type MaybePromise } from '../core/maybe-promise.ts'
import type { MacKey } from '../crypto/primitives.ts'
import { sealChunks, sealedLength } from './chunks.ts'
import { type EnvelopeContext, encodeContext } from './context.ts'
import { contentKeys, headerMac, importOnce } from './derive.ts'
import { type Entropy, systemEntropy } from './entropy.ts'
import { headerLength, MAX_RECIPIENTS, putHeader, type WrappedKey } from './header.ts'
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

function wrapAll(
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
  return andThen(done, () => wrapped)
}

/** What is sealed, and all that goes into its header but what follows from the data key. */
interface Sealing {
  readonly plaintext: Uint8Array
  readonly recipients: readonly WrappedKey[]
  readonly salt: Bytes
  readonly context: Bytes
}

function sealUnder(dataKey: MacKey, { plaintext, recipients, salt, context }: Sealing): MaybePromise<Bytes> {
  const suite = CHUNKED
  return andThen(contentKeys(dataKey, { suite, salt, context }), ({ key, baseNonce, commitment }) => {
    const headerBytes = headerLength(recipients)
    const envelope = new Uint8Array(headerBytes + sealedLength(plaintext.length, suite.chunkBytes))
    const head = putHeader(envelope, { suite, recipients, salt, commitment })
    return andThen(headerMac(dataKey, head), (mac) => {
      envelope.set(mac, head.length)
      const body = envelope.subarray(headerBytes)
      const sealed = andThen(importOnce(key, primitives.aeadKey), (imported) =>
        sealChunks({ key: imported, baseNonce, chunkBytes: suite.chunkBytes }, plaintext, body),
      )
      return andThen(sealed, () => envelope)
    })
  })
}

/** Seals with randomness that is given: for published vectors, whose bytes have to come out. */
export function sealWith(entropy: Entropy, plaintext: Uint8Array, options: SealOptions): MaybePromise<Bytes> {
  checkBytes(plaintext, 'bytes')
  const wrappers = wrappersOf(options.to)
  const context = encodeContext(options.context ?? {})
  // Condition: sealing under a context that has no encoding is refused.
  if (context === undefined) throw optionInvalid('context', 'give well-formed texts of at most 65,535 bytes')
  const salt = entropy.salt()
  return andThen(wrappers[0]?.derive?.(salt) ?? entropy.dataKey(), (raw) =>
    andThen(wrapAll(wrappers, raw, entropy), (recipients) =>
      andThen(importOnce(raw, primitives.macKey), (dataKey) =>
        sealUnder(dataKey, { plaintext, recipients, salt, context }),
      ),
    ),
  )
}

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
