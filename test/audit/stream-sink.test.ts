import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { memorySink } from '../../src/audit/memory-sink.ts'
import { streamSink } from '../../src/audit/stream-sink.ts'
import { auditTrail } from '../../src/audit/trail.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { manualSchedule, turn } from './manual-schedule.ts'
import { fullDraft, sampleEvent } from './sample.ts'

const named = (name: string) => sampleEvent({ type: 'custom', name })

describe('streamSink on a Node.js stream', () => {
  it('writes one JSON object a line', async () => {
    const stream = new PassThrough()
    const event = sampleEvent(fullDraft)
    const sink = streamSink(stream)
    await sink.write([event, named('b')])
    await sink.write([named('c')])
    expect(String(stream.read())).toBe(
      [event, named('b'), named('c')].map((each) => `${JSON.stringify(each)}\n`).join(''),
    )
    await sink.close?.()
    expect(stream.writableEnded).toBe(false)
  })

  it('waits for a slow stream: the queue fills, not the memory', async () => {
    const waiting: (() => void)[] = []
    const chunks: string[] = []
    const slow = new Writable({
      decodeStrings: false,
      write(chunk, _encoding, done) {
        chunks.push(String(chunk))
        waiting.push(done)
      },
    })
    const trail = auditTrail({ sinks: streamSink(slow), maxQueued: 3, schedule: manualSchedule().schedule })
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      trail.record(name)
      await turn()
    }
    expect(chunks).toHaveLength(1)
    expect(trail.lost()).toBe(2)
    waiting.shift()?.()
    await vi.waitFor(() => expect(waiting).toHaveLength(1))
    waiting.shift()?.()
    await trail.flush()
    const names = chunks
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(names.map(({ name, count }) => name ?? count)).toEqual(['a', 'b', 'c', 2])
  })

  it('fails when the stream does, without ending the process', async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) })
    const good = memorySink()
    const trail = auditTrail({ sinks: [streamSink(broken), good], schedule: manualSchedule().schedule })
    trail.record('a')
    await turn()
    await trail.flush()
    expect(trail.problems()).toEqual(['audit.sink-failed'])
    expect(good.events.map(({ type }) => type)).toEqual(['custom', 'audit.sink-failed'])
    expect(JSON.stringify(good.events)).not.toContain('disk full')
  })
})

describe('streamSink on a WritableStream', () => {
  function collector(write: (chunk: Uint8Array) => void | Promise<void> = () => {}) {
    let text = ''
    const stream = new WritableStream<Uint8Array>({
      write(chunk) {
        text += new TextDecoder().decode(chunk)
        return write(chunk)
      },
    })
    return { stream, text: () => text }
  }

  it('writes UTF-8, and gives the stream back unlocked and open', async () => {
    const { stream, text } = collector()
    const sink = streamSink(stream)
    const event = sampleEvent({ type: 'custom', name: 'Größe' })
    await sink.write([event])
    expect(text()).toBe(`${JSON.stringify(event)}\n`)
    await sink.close?.()
    await stream.getWriter().write(new TextEncoder().encode('more'))
    expect(text()).toBe(`${JSON.stringify(event)}\nmore`)
  })

  it('fails when the stream does', async () => {
    const { stream } = collector(() => Promise.reject(new Error('gone')))
    const trail = auditTrail({ sinks: streamSink(stream), schedule: manualSchedule().schedule })
    trail.record('a')
    await trail.flush()
    await turn()
    expect(trail.problems()).toEqual(['audit.sink-failed'])
    await trail.close()
    expect(trail.lost()).toBeGreaterThan(0)
  })
})

describe('streamSink', () => {
  it('refuses what is no stream', () => {
    for (const stream of [undefined, {}, { write: () => true }, 'audit.ndjson']) {
      let caught: unknown
      try {
        streamSink(stream as unknown as PassThrough)
      } catch (error) {
        caught = error
      }
      expect(isCountersignError(caught, 'option-invalid')).toBe(true)
    }
  })
})
