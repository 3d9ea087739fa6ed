import { chunkCount } from './chunks.ts'
import { parseHeader } from './header.ts'
import { checkBytes } from './misuse.ts'
import { recordCount } from './record-body.ts'

/** What an envelope says about itself. Nothing of it is proven. */
export interface EnvelopeSummary {
  readonly suite: number
  /** The recipients in order: the byte of the type, and the key id where the type is known to this version. */
  readonly kids: readonly { readonly type: number; readonly kid?: string }[]
  readonly headerBytes: number
  /** Chunks, or records. */
  readonly chunks: number
}

/**
 * Tells what stands in the header of an envelope: to find out which keys it asks for. It needs no key and therefore
 * proves nothing: anybody may have written or changed what it tells, and the envelope may not open at all.
 *
 * @throws {CountersignError} `unopened` for what has no readable header, `option-invalid`
 * @example
 * const { kids } = inspect(envelope) // [{ type: 1, kid: '2026-07' }]
 * @see SVE1 §10.1
 */
export function inspect(envelope: Uint8Array): EnvelopeSummary {
  checkBytes(envelope, 'envelope')
  const { suite, recipients, bytes } = parseHeader(envelope)
  return {
    suite: suite.id,
    kids: recipients.map(({ typeId, known }) => (known ? { type: typeId, kid: known.kid } : { type: typeId })),
    headerBytes: bytes,
    chunks: suite.hasRecords
      ? recordCount(envelope.subarray(bytes))
      : chunkCount(envelope.length - bytes, suite.chunkBytes),
  }
}
