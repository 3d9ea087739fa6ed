import { utf8 } from '../core/bytes.ts'
import { checkOptions } from '../core/options.ts'
import type { AuditEvent } from './event.ts'
import { streamSchema } from './schema.ts'
import type { AuditSink } from './sink.ts'
import type { TextStream } from './text-stream.ts'

/**
 * Makes a sink that writes events as NDJSON: one JSON object and a line feed for each. A batch counts as written when
 * the stream says so, and only then comes the next: a slow stream fills the queue, not the memory. The stream stays
 * yours: it is not ended on close (a `WritableStream`, which gets UTF-8 bytes, is unlocked). To a Node stream, events are
 * handed over at once or within 20 ms of the write before: who kills the process loses so much of them. It does not prove
 * that anything reached a disk.
 *
 * @throws `option-invalid`
 * @example
 * const sink = streamSink(createWriteStream('audit.ndjson', { flags: 'a' }))
 * @see https://github.com/ndjson/ndjson-spec
 */
export function streamSink(stream: TextStream | WritableStream<Uint8Array>): AuditSink {
  const checked = checkOptions(streamSchema, stream, 'stream')
  return 'getWriter' in checked ? webSink(checked.getWriter()) : nodeSink(checked)
}

/** What comes so soon after a write goes together into the next: a write costs more than the making of its events. */
const GATHER_MS = 20

function ndjson(events: readonly AuditEvent[]): string {
  let text = ''
  for (const event of events) text += `${JSON.stringify(event)}\n`
  return text
}

function nodeSink(stream: TextStream): AuditSink {
  // An error nobody listens for would end the process; the callback of the write has it too.
  stream.on('error', () => {})
  return {
    write: (events) =>
      new Promise((resolve, reject) => {
        stream.write(ndjson(events), (error) => (error ? reject(error) : setTimeout(resolve, GATHER_MS)))
      }),
  }
}

function webSink(writer: WritableStreamDefaultWriter<Uint8Array>): AuditSink {
  // Told by every write as well.
  writer.closed.catch(() => {})
  return {
    async write(events) {
      await writer.ready
      await writer.write(utf8(ndjson(events)))
    },
    async close() {
      writer.releaseLock()
    },
  }
}
