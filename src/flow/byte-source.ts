import { type Bytes, concat } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'

/** Where bytes come from, piece by piece. */
export interface ByteSource {
  /** The next piece, or undefined at the end; rejects where there is no end to come. */
  read(): Promise<Uint8Array | undefined>
  /** Nobody wants the rest. */
  cancel(reason?: unknown): Promise<void>
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  // Condition: a body that gives something else than bytes is refused where it does.
  throw new CountersignError('option-invalid', {
    detail: { option: 'body', fix: 'give a stream of bytes (Uint8Array): pipe texts through a TextEncoderStream' },
  })
}

/** A stream as a source, which begins with what was read of it before. */
export function sourceOf(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = stream.getReader()
  return {
    async read() {
      const { done, value } = await reader.read()
      return done ? undefined : bytesOf(value)
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

/** Whatever can be iterated as a source: a stream of Node can. */
export function iterated(iterable: AsyncIterable<Uint8Array>): ByteSource {
  // What a stream of Node suffers before anybody reads it is told by reading it, and must not end the process.
  if ('on' in iterable && typeof iterable.on === 'function') iterable.on('error', () => undefined)
  const iterator = iterable[Symbol.asyncIterator]()
  return {
    async read() {
      const { done, value } = await iterator.next()
      return done === true ? undefined : bytesOf(value)
    },
    async cancel() {
      // An iterator that waits for its next piece does not hear of an end before that.
      if ('destroy' in iterable && typeof iterable.destroy === 'function') iterable.destroy()
      await iterator.return?.()
    },
  }
}

/** A source as a stream that is read as fast as somebody reads it. */
export function streamOf(source: ByteSource): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const piece = await source.read()
        if (piece === undefined) controller.close()
        else controller.enqueue(piece as Bytes)
      },
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** All bytes of a source; where it has more than so many, the source as it was before it was asked. */
export async function readUpTo(source: ByteSource, maxBytes: number): Promise<Bytes | ByteSource> {
  const pieces: Uint8Array[] = []
  let length = 0
  for (;;) {
    const piece = await source.read()
    if (piece === undefined) return concat(...pieces)
    pieces.push(piece)
    length += piece.length
    if (length > maxBytes) return { read: async () => pieces.shift() ?? source.read(), cancel: source.cancel }
  }
}
