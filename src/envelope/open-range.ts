import { type Bytes, concat } from '../core/bytes.ts'
import { type BodyKey, bodyKeyOf } from './body-key.ts'
import { openChunk, openedLength, TAG_BYTES } from './chunks.ts'
import { encodeContext } from './context.ts'
import { MAX_HEADER_BYTES, parseHeader } from './header.ts'
import { optionInvalid } from './misuse.ts'
import { checkOpenOptions, type OpenOptions } from './open.ts'
import { unopened } from './unopened.ts'

/** An envelope at rest that need not be read as a whole: a file, an object in a bucket. */
export interface RangeSource {
  /** How long the envelope is. */
  readonly size: number
  /** Reads these bytes, all of them. */
  read(start: number, length: number): Promise<Uint8Array>
}

/** Which part of the plaintext. */
export interface OpenRangeOptions extends OpenOptions {
  /** The first byte that is wanted. */
  readonly start: number
  /** How many bytes; to the end by default. Less is given where the plaintext ends before. */
  readonly length?: number
}

/** The chunks of a body: what they are opened by, and where they are. */
interface Chunks {
  readonly source: RangeSource
  readonly bodyKey: BodyKey
  readonly bodyStart: number
  readonly bodyBytes: number
}

/**
 * Opens a part of an envelope at rest, and reads no more of it than the header and the chunks around that part. What it
 * gives was verified. Where the part reaches the end, or passes it, the last chunk is verified, too: an envelope that was
 * cut off gives an error and not a shorter part. A part before the end says nothing of what comes after it.
 *
 * @param source the bytes, a `Blob`, or what reads them piece by piece
 * @throws {CountersignError} `unopened`, `option-invalid` (an envelope of records has no parts); what `read` throws
 * @example
 * const page = await openRange(await openAsBlob('video.sve1'), { start: 1_048_576, length: 65_536, with: keyring, context })
 * @see SVE1 §10.8
 */
export async function openRange(source: RangeSource | Uint8Array | Blob, options: OpenRangeOptions): Promise<Bytes> {
  const maxPlaintextBytes = checkOpenOptions(options)
  const { start, length = Number.MAX_SAFE_INTEGER - start } = options
  for (const [option, value] of Object.entries({ start, length })) {
    // Condition: a range that does not begin and end at a byte is refused.
    if (!Number.isSafeInteger(value) || value < 0) throw optionInvalid(option, 'give a count of bytes')
  }
  const chunks = await chunksOf(sourceOf(source), options)
  const total = openedLength(chunks.bodyBytes, chunks.bodyKey.suite.chunkBytes)
  const end = Math.min(start + length, total)
  // Condition: a range larger than the limit is refused before a chunk is opened.
  if (end - start > maxPlaintextBytes) throw unopened('too-large')
  // Condition: a range that reaches the end of an envelope is refused where its last chunk does not hold.
  if (start + length >= total) await openAt(chunks, Math.floor(total / chunks.bodyKey.suite.chunkBytes))
  if (start >= end) return new Uint8Array(0)
  return openPart(chunks, start, end)
}

async function openPart(chunks: Chunks, start: number, end: number): Promise<Bytes> {
  const { chunkBytes } = chunks.bodyKey.suite
  const first = Math.floor(start / chunkBytes)
  const parts: Bytes[] = []
  for (let index = first; index * chunkBytes < end; index++) parts.push(await openAt(chunks, index))
  const offset = first * chunkBytes
  return concat(...parts).slice(start - offset, end - offset)
}

async function openAt({ source, bodyKey, bodyStart, bodyBytes }: Chunks, index: number): Promise<Bytes> {
  const sealedBytes = bodyKey.suite.chunkBytes + TAG_BYTES
  const at = index * sealedBytes
  return openChunk(bodyKey, index, await readAll(source, bodyStart + at, Math.min(sealedBytes, bodyBytes - at)))
}

async function chunksOf(source: RangeSource, options: OpenOptions): Promise<Chunks> {
  const header = parseHeader(await readAll(source, 0, Math.min(source.size, MAX_HEADER_BYTES)))
  // Condition: an envelope of records is not opened in parts.
  if (header.suite.hasRecords) throw optionInvalid('source', 'open an envelope of records from its beginning')
  const bodyKey = await bodyKeyOf(header, options.with, encodeContext(options.context ?? {}))
  return { source, bodyKey, bodyStart: header.bytes, bodyBytes: source.size - header.bytes }
}

async function readAll(source: RangeSource, start: number, length: number): Promise<Uint8Array> {
  const bytes = length > 0 ? await source.read(start, length) : new Uint8Array(0)
  // Condition: a source that gives other than the bytes it was asked for is refused.
  if (bytes.length !== Math.max(0, length)) throw unopened('truncated')
  return bytes
}

function sourceOf(source: RangeSource | Uint8Array | Blob): RangeSource {
  if (source instanceof Blob) {
    const read = async (start: number, length: number) =>
      new Uint8Array(await source.slice(start, start + length).arrayBuffer())
    return { size: source.size, read }
  }
  if ('read' in source) return source
  return { size: source.length, read: async (start, length) => source.subarray(start, start + length) }
}
