import { primitives } from '#crypto'
import { platform } from '#platform'
import type { Bytes } from '../core/bytes.ts'
import { checkGiven } from '../core/given.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { MacKey } from '../crypto/primitives.ts'
import type { BodyKey } from './body-key.ts'
import { sealChunks, sealedLength } from './chunks.ts'
import { type EnvelopeContext, encodeContext } from './context.ts'
import { type BoundTo, contentKeys, headerMac, importOnce } from './derive.ts'
import { type Entropy, systemEntropy } from './entropy.ts'
import { headerLength, putHeader, type WrappedKey } from './header.ts'
import { checkBytes, optionInvalid } from './misuse.ts'
import type { Recipient } from './recipients.ts'
import type { StreamHead } from './stream-head.ts'
import { type Suite, suiteFor } from './suite.ts'
import { checkRecipients, currentRecipients, wrapAll, wrappersOf } from './wrap.ts'

/** To whom, and under which context. */
export interface SealOptions {
  readonly to: Recipient | readonly Recipient[]
  /** Empty by default. The opener must give the very same. */
  readonly context?: EnvelopeContext
}

/** An envelope that was begun: its header is written, its body is not. */
export interface Begun {
  /** The header, and behind it as much room as was asked for. */
  readonly bytes: Bytes
  readonly headerBytes: number
  readonly head: StreamHead
  readonly bodyKey: BodyKey
}

interface Beginning {
  readonly entropy: Entropy
  readonly suite: Suite
  /** How much room to leave behind the header. */
  readonly bodyBytes: number
}

/** Throws for options that no caller may give. */
export function checkSealOptions(options: SealOptions): void {
  checkGiven(options, 'options')
  const { to, context } = options
  checkRecipients(to)
  contextOf(context)
}

function contextOf(given: EnvelopeContext = {}): Bytes {
  const context = encodeContext(given)
  // Condition: sealing under a context that has no encoding is refused.
  if (context === undefined) throw optionInvalid('context', 'give well-formed texts of at most 65,535 bytes')
  return context
}

/** Writes the header of a new envelope and makes the key of its body. */
export function begin({ entropy, suite, bodyBytes }: Beginning, options: SealOptions): MaybePromise<Begun> {
  const context = contextOf(options.context)
  const salt = entropy.salt()
  const bound = { suite, salt, context }
  return andThen(currentRecipients(options.to), (to) => {
    const wrappers = wrappersOf(to)
    return andThen(wrappers[0]?.derive?.(salt) ?? entropy.dataKey(), (raw) =>
      andThen(wrapAll(wrappers, raw, entropy), (recipients) =>
        andThen(importOnce(raw, primitives.macKey), (dataKey) => write(dataKey, bound, { recipients, bodyBytes })),
      ),
    )
  })
}

function write(
  dataKey: MacKey,
  bound: BoundTo,
  { recipients, bodyBytes }: { recipients: readonly WrappedKey[]; bodyBytes: number },
): MaybePromise<Begun> {
  const { suite, salt } = bound
  return andThen(contentKeys(dataKey, bound), ({ key, baseNonce, commitment }) => {
    const headerBytes = headerLength(recipients)
    const bytes = platform.room(headerBytes + bodyBytes)
    const head = putHeader(bytes, { suite, recipients, salt, commitment })
    return andThen(headerMac(dataKey, head), (mac) => {
      bytes.set(mac, head.length)
      return andThen(importOnce(key, primitives.aeadKey), (imported) => ({
        bytes,
        headerBytes,
        head: { salt, commitment },
        bodyKey: { key: imported, baseNonce, suite },
      }))
    })
  })
}

/** Seals with randomness that is given: for published vectors, whose bytes have to come out. */
export function sealWith(entropy: Entropy, plaintext: Uint8Array, options: SealOptions): MaybePromise<Bytes> {
  checkBytes(plaintext, 'bytes')
  const suite = suiteFor(plaintext.length)
  const bodyBytes = sealedLength(plaintext.length, suite.chunkBytes)
  return andThen(begin({ entropy, suite, bodyBytes }, options), ({ bytes, headerBytes, bodyKey }) =>
    andThen(sealChunks(bodyKey, plaintext, bytes.subarray(headerBytes)), () => bytes),
  )
}

/**
 * Seals bytes for one recipient or several, bound to a context, under a key of their own. Any of the recipients opens
 * the envelope, and all of them see the same bytes.
 *
 * It does not prove who sealed: whoever can seal to a recipient can make such an envelope. That is what the signature
 * of a call, or of a record, is for. Length and key ids stay visible.
 *
 * @param bytes at most what fits into memory beside the envelope, which is longer by 183 bytes or so for the header
 *   and 16 bytes for each 16 KiB, above 64 KiB for each 256 KiB
 * @throws {CountersignError} `option-invalid`, `key-invalid`
 * @example
 * const envelope = await seal(new TextEncoder().encode('{"amount":100}'), {
 *   to: keyring,
 *   context: { tenant: 'acme', table: 'charges', id: '42' },
 * })
 * @see SVE1 §10.1, §10.2; C2SP chunked-encryption
 */
export async function seal(bytes: Uint8Array, options: SealOptions): Promise<Bytes> {
  checkGiven(options, 'options')
  return sealBytes(bytes, options)
}

/** The same, at once where the runtime can. */
export function sealBytes(bytes: Uint8Array, options: SealOptions): MaybePromise<Bytes> {
  return sealWith(systemEntropy, bytes, options)
}
