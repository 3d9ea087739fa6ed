import { primitives } from '#crypto'
import { type Bytes, equalBytes } from '../core/bytes.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { MacKey } from '../crypto/primitives.ts'
import { type ChunkKey, openChunks } from './chunks.ts'
import { type EnvelopeContext, encodeContext } from './context.ts'
import { contentKeys, headerMac, importOnce } from './derive.ts'
import { type Header, parseHeader } from './header.ts'
import { checkKeyring, type Keyring, unwrapperOf } from './keyring.ts'
import { checkBytes, optionInvalid } from './misuse.ts'
import { unopened } from './unopened.ts'

const MAX_PLAINTEXT_BYTES = 16 * 1024 * 1024

/** By whom, and under which context. */
export interface OpenOptions {
  readonly with: Keyring
  /** What the envelope was sealed under. Empty by default. */
  readonly context?: EnvelopeContext
  /** 16 MiB by default. */
  readonly maxPlaintextBytes?: number
}

function unwrapDataKey({ recipients, salt }: Header, keyring: Keyring): MaybePromise<MacKey> {
  for (const { known } of recipients) {
    const unwrapper = known && unwrapperOf(keyring, known.type, known.kid)
    if (known === undefined || unwrapper === undefined) continue
    return andThen(unwrapper.derive === undefined ? unwrapper.unwrap(known.body) : unwrapper.derive(salt), (raw) => {
      // Condition: a data key that does not unwrap is refused without a second attempt.
      if (raw === undefined) throw unopened('unwrap-failed', known.kid)
      return importOnce(raw, primitives.macKey)
    })
  }
  // Condition: an envelope for nobody in the keyring is refused.
  throw unopened('no-recipient', recipients.find(({ known }) => known)?.known?.kid)
}

function chunkKeyOf(header: Header, dataKey: MacKey, context: Bytes | undefined): MaybePromise<ChunkKey> {
  const { suite, salt } = header
  return andThen(headerMac(dataKey, header.covered), (mac) => {
    // Condition: a header whose MAC does not hold is refused.
    if (!equalBytes(mac, header.mac)) throw unopened('header-mac')
    // Condition: opening under a context that has no encoding is refused as under any other.
    if (context === undefined) throw unopened('commitment')
    return andThen(contentKeys(dataKey, { suite, salt, context }), ({ key, baseNonce, commitment }) => {
      // Condition: a commitment to another key or context is refused before a chunk is opened.
      if (!equalBytes(commitment, header.commitment)) throw unopened('commitment')
      return andThen(importOnce(key, primitives.aeadKey), (imported) => ({
        key: imported,
        baseNonce,
        chunkBytes: suite.chunkBytes,
      }))
    })
  })
}

/** As `open`, at once where the runtime can. */
export function openBytes(envelope: Uint8Array, options: OpenOptions): MaybePromise<Bytes> {
  const { with: keyring, maxPlaintextBytes = MAX_PLAINTEXT_BYTES } = options
  checkBytes(envelope, 'envelope')
  checkKeyring(keyring)
  // Condition: a limit of plaintext that is no count of bytes is refused.
  if (!Number.isSafeInteger(maxPlaintextBytes) || maxPlaintextBytes < 0) {
    throw optionInvalid('maxPlaintextBytes', 'give a count of bytes')
  }
  const context = encodeContext(options.context ?? {})
  const header = parseHeader(envelope)
  return andThen(unwrapDataKey(header, keyring), (dataKey) =>
    andThen(chunkKeyOf(header, dataKey, context), (chunkKey) =>
      openChunks(chunkKey, envelope.subarray(header.bytes), maxPlaintextBytes),
    ),
  )
}

/**
 * Opens an envelope and gives its plaintext as a whole, after its last chunk was verified.
 *
 * It proves that somebody who could seal to this keyring sealed exactly these bytes under exactly this context. It
 * does not prove who that was, nor that the envelope is new.
 *
 * @param envelope all bytes of the envelope and no more
 * @throws {CountersignError} `unopened` for whatever is wrong with the envelope, the keys or the context: one code for
 *   every cause (which one is in `detail.step`, for the operator alone); `option-invalid` for arguments that no caller
 *   may give; `key-invalid` where a key of the keyring turns out not to be usable
 * @example
 * const bytes = await open(envelope, { with: keyring, context: { tenant: 'acme', table: 'charges', id: '42' } })
 * @see SVE1 §10.5
 */
export async function open(envelope: Uint8Array, options: OpenOptions): Promise<Bytes> {
  return openBytes(envelope, options)
}
