import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/event.ts'
import { type AuditFilter, readAudit } from '../../src/audit/read-audit.ts'
import { eventOf } from '../../src/audit/redact.ts'
import { streamSink } from '../../src/audit/stream-sink.ts'
import { auditTrail } from '../../src/audit/trail.ts'
import { type CountersignError, isCountersignError } from '../../src/core/errors.ts'
import { fullDraft, NOON, sampleEvent, stamp } from './sample.ts'

async function all(events: AsyncIterable<AuditEvent>): Promise<AuditEvent[]> {
  const list: AuditEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

async function failure(work: () => Promise<unknown>): Promise<CountersignError> {
  try {
    await work()
  } catch (error) {
    if (isCountersignError(error)) return error
  }
  throw new Error('nothing was refused')
}

const line = (event: object) => JSON.stringify(event)
const full = sampleEvent(fullDraft)

/** Reads one line that must not be an event. */
async function refusal(text: string) {
  const error = await failure(() => all(readAudit([line(full), text])))
  expect(error.code).toBe('option-invalid')
  expect(error.detail.option).toBe('line 2')
  return error
}

describe('readAudit', () => {
  it('reads back what a trail wrote', async () => {
    const stream = new PassThrough()
    let now = NOON
    const trail = auditTrail({ sinks: streamSink(stream), clock: { now: () => now++ } })
    const bound = trail.for({ workload: 'spiffe://acme.test/ledger' })
    bound.write(fullDraft)
    bound.record('Größe\n😀', { a: 'b\u202e', n: -1.5 })
    bound.report('trust.rejected', { step: 'parse' })
    await trail.close()
    const text = String(stream.read())
    const events = await all(readAudit(text))
    expect(events.map(({ type }) => type)).toEqual(['call', 'custom', 'trust.rejected'])
    expect(events[0]).toMatchObject(fullDraft)
    const lines = text.trim().split('\n')
    expect(events).toEqual(lines.map((each) => JSON.parse(each)))
    expect(events.every(Object.isFrozen)).toBe(true)
  })

  it('takes lines from a text, a list, or a source that takes its time', async () => {
    async function* slowly() {
      yield line(full)
      yield ''
      yield `${line(full)}\r`
    }
    expect(await all(readAudit(`${line(full)}\r\n\n${line(full)}`))).toEqual([full, full])
    expect(await all(readAudit([line(full), '  ', line(full)]))).toEqual([full, full])
    expect(await all(readAudit(slowly()))).toEqual([full, full])
    expect(await all(readAudit(''))).toEqual([])
  })

  it('a line that is no audit event is refused', async () => {
    const { effect, ...rest } = full
    const { id, ...nameless } = full
    const bad = [
      'GET / 200',
      line(full).slice(0, -10),
      `${line(full)}${line(full)}`,
      'null',
      '[]',
      '{}',
      line({ ...full, v: 2 }),
      line({ ...full, extra: 1 }),
      line(nameless),
      line({ ...full, id: 'x' }),
      line({ ...full, time: 'yesterday' }),
      line({ ...full, time: '2026-09-01T12:00:00Z' }),
      line({ ...full, type: 'login' }),
      line({ ...rest, effect: 'maybe' }),
      line({ ...full, code: 'toString' }),
      line({ ...full, side: 'middle' }),
      line({ ...full, outcome: 'run' }),
      line({ ...full, status: '200' }),
      line({ ...full, sealed: 'yes' }),
      line({ ...full, peer: { id: 'x' } }),
      line({ ...full, path: `/${'x'.repeat(1024)}` }),
      line({ ...full, rule: null }),
    ]
    for (const text of bad) await refusal(text)
  })

  it('a line longer than an event can be is not parsed', async () => {
    await refusal(`${line(full)}${' '.repeat(65_536)}`)
  })

  it('reads the longest event there can be', async () => {
    const wide = '"'.repeat(20_000)
    const draft = Object.fromEntries(
      Object.entries(fullDraft).map(([name, value]) => [name, typeof value === 'string' ? wide : value]),
    )
    const event = eventOf({ ...draft, type: 'call', path: `/${wide}` }, wide.slice(0, 2048), stamp)
    expect(await all(readAudit([line(event)]))).toEqual([event])
  })

  it('a text that holds what could forge or hide a line is not read', async () => {
    for (const text of ['a\nb', '\u001b[31m', '\u202eb', '\ud800']) {
      await refusal(line({ ...full, name: text }))
      await refusal(line({ ...full, workload: text }))
    }
  })

  it('says which line is wrong, and nothing of what it holds', async () => {
    const error = await refusal('{"password":"S3CR3T-marker"}')
    expect(error.message).toBe('An option is not valid. line 2: this line is no audit event of version 1')
    expect(JSON.stringify(error) + error.stack).not.toContain('S3CR3T')
  })

  it('goes on behind bad lines when somebody takes them', async () => {
    const bad: (string | undefined)[] = []
    const lines = ['started', line(full), '', '{', line(full)]
    const events = await all(readAudit(lines, { onBadLine: (error) => bad.push(error.detail.option) }))
    expect(events).toEqual([full, full])
    expect(bad).toEqual(['line 1', 'line 4'])
  })

  it('gives the events that match all of a filter', async () => {
    const at = (seconds: number, draft: object) =>
      eventOf({ ...fullDraft, ...draft }, 'w', { ...stamp, time: new Date(NOON + seconds * 1000).toISOString() })
    const events = [
      at(0, { callId: 'a', name: '0' }),
      at(1, { callId: 'b', name: '1', effect: 'allow', code: undefined }),
      at(2, { callId: 'a', name: '2', peer: 'spiffe://acme.test/web', type: 'custom' }),
    ]
    const found = async (filter: AuditFilter) =>
      (await all(readAudit(events.map(line), filter))).map(({ name }) => name)
    expect(await found({})).toEqual(['0', '1', '2'])
    expect(await found({ callId: 'a' })).toEqual(['0', '2'])
    expect(await found({ effect: 'allow' })).toEqual(['1'])
    expect(await found({ code: 'policy-denied', type: 'call' })).toEqual(['0'])
    expect(await found({ peer: 'spiffe://acme.test/web' })).toEqual(['2'])
    expect(await found({ since: new Date(NOON + 1000) })).toEqual(['1', '2'])
    expect(await found({ until: NOON + 1000 })).toEqual(['0'])
    expect(await found({ since: '2026-09-01T12:00:01Z', until: '2026-09-01T12:00:02Z', effect: 'allow' })).toEqual([
      '1',
    ])
    expect(await found({ since: NOON + 1000, callId: 'b', effect: 'deny' })).toEqual([])
  })

  it('refuses a filter that is none', async () => {
    for (const filter of [
      { since: 'yesterday' },
      { until: Number.NaN },
      { code: 'nope' },
      { type: 'nope' },
      { step: 'x' },
    ]) {
      const error = await failure(async () => readAudit('', filter as unknown as AuditFilter))
      expect(error.code).toBe('option-invalid')
      expect(error.detail.option).toMatch(/^filter/)
    }
  })
})
