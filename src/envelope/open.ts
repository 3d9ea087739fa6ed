import { type Bytes, concat } from '../core/bytes.ts'
import { checkGiven } from '../core/given.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import { type BodyKey, bodyKeyOf } from './body-key.ts'
import { openChunks } from './chunks.ts'
import { type EnvelopeContext, encodeContext } from './context.ts'
import { parseHeader } from './header.ts'
import { checkKeyring, type Keyring } from './keyring.ts'
import { checkBytes, optionInvalid } from './misuse.ts'
import { RecordOpener } from './record-body.ts'
import { checkStreamHead, type StreamHead } from './stream-head.ts'

const MAX_PLAINTEXT_BYTES = 16 * 1024 * 1024

/** By whom, and under which context. */
export interface OpenOptions {
  readonly with: Keyring
  /** What the envelope was sealed under. Empty by default. */
  readonly context?: EnvelopeContext
  /** 16 MiB by default. */
  readonly maxPlaintextBytes?: number
}

/** Throws for options that no caller may give; gives the limit of the plaintext. */
export function checkOpenOptions(options: OpenOptions, byDefault = MAX_PLAINTEXT_BYTES): number {
  checkGiven(options, 'options')
  const { with: keyring, maxPlaintextBytes } = options
  checkKeyring(keyring)
  const limit = maxPlaintextBytes ?? byDefault
  // Condition: a limit of plaintext that is no count of bytes is refused.
  if (!Number.isSafeInteger(limit) || limit < 0) throw optionInvalid('maxPlaintextBytes', 'give a count of bytes')
  return limit
}

/** As `open`, at once where the runtime can. */
export function openBytes(envelope: Uint8Array, options: OpenOptions, expected?: StreamHead): MaybePromise<Bytes> {
  checkBytes(envelope, 'envelope')
  const maxPlaintextBytes = checkOpenOptions(options)
  const context = encodeContext(options.context ?? {})
  const header = parseHeader(envelope)
  if (expected !== undefined) checkStreamHead(header, expected)
  return andThen(bodyKeyOf(header, options.with, context), (bodyKey) => {
    const body = envelope.subarray(header.bytes)
    const isCut = !bodyKey.suite.hasRecords
    return isCut ? openChunks(bodyKey, body, maxPlaintextBytes) : openRecords(bodyKey, body, maxPlaintextBytes)
  })
}

function openRecords(bodyKey: BodyKey, body: Uint8Array, maxPlaintextBytes: number): MaybePromise<Bytes> {
  const opener = new RecordOpener(bodyKey, maxPlaintextBytes)
  const records: Bytes[] = []
  const put = (record: Bytes) => records.push(record)
  return andThen(opener.push(body, put), () => {
    opener.end()
    return concat(...records)
  })
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
