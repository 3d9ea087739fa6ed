import { describe, expect, it } from 'vitest'
import { type EventDraft, textLimits } from '../../src/audit/event.ts'
import { eventOf, redacted } from '../../src/audit/redact.ts'
import { auditEventSchema } from '../../src/audit/schema.ts'
import { fullDraft, sampleEvent, stamp } from './sample.ts'

const MARKER = 'S3CR3T-marker'
const fieldsOf = (type: string) =>
  Object.entries(fullDraft).flatMap(([name, value]) => (typeof value === type ? [name] : []))
const numberFields = fieldsOf('number')
const flagFields = fieldsOf('boolean')

/** What JavaScript callers may hand in, whatever the types say. */
function event(draft: Record<string, unknown>) {
  return eventOf({ type: 'call', ...draft } as EventDraft, 'spiffe://acme.test/ledger', stamp)
}

describe('eventOf', () => {
  it('takes over every field of a draft', () => {
    expect(eventOf(fullDraft, 'spiffe://acme.test/ledger', stamp)).toEqual({
      ...fullDraft,
      v: 1,
      ...stamp,
      workload: 'spiffe://acme.test/ledger',
    })
  })

  it('knows the same fields as the schema', () => {
    expect(Object.keys(sampleEvent(fullDraft)).sort()).toEqual(Object.keys(auditEventSchema.shape).sort())
    const texts = ['type', 'side', 'effect', 'code', 'outcome', ...Object.keys(textLimits)]
    expect(fieldsOf('string').sort()).toEqual(texts.sort())
  })

  it('a field that is not on the list never reaches an event', () => {
    const made = event({
      authorization: MARKER,
      headers: { cookie: MARKER },
      body: MARKER,
      error: new Error(MARKER),
      v: MARKER,
      id: MARKER,
      time: MARKER,
      workload: MARKER,
      ['__proto__']: { peer: MARKER },
    })
    expect(JSON.stringify(made)).not.toContain(MARKER)
    expect(Object.keys(made).sort()).toEqual(['id', 'time', 'type', 'v', 'workload'])
  })

  it('a value of another type than its field never reaches an event', () => {
    const values = [new Error(MARKER), { toString: () => MARKER }, [MARKER], new String(MARKER), () => MARKER, 7n, null]
    for (const name of Object.keys(auditEventSchema.shape)) {
      if (['v', 'id', 'time', 'workload', 'type'].includes(name)) continue
      for (const value of values) expect(name in event({ [name]: value })).toBe(false)
    }
    for (const name of numberFields) {
      for (const value of [MARKER, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
        expect(name in event({ [name]: value })).toBe(false)
      }
    }
    for (const name of ['side', 'effect', 'code', 'outcome', ...flagFields]) {
      for (const value of [MARKER, 'toString', 1, ['policy-denied'], ['allow'], ['callee']])
        expect(name in event({ [name]: value })).toBe(false)
    }
  })

  it('calls a type it does not know custom', () => {
    expect(event({ type: MARKER }).type).toBe('custom')
  })

  it('the query of a request never reaches an event', () => {
    expect(event({ path: `/charges?token=${MARKER}` }).path).toBe('/charges')
    expect(event({ path: `/charges#${MARKER}?x` }).path).toBe('/charges')
    expect(event({ path: `/?${MARKER}` }).path).toBe('/')
  })

  it('a path that does not begin with a slash never reaches an event', () => {
    for (const path of [`http://user:${MARKER}@ledger/`, `?${MARKER}`, MARKER, '']) {
      expect('path' in event({ path })).toBe(false)
    }
  })

  it('bounds and cleans every text', () => {
    for (const [name, limit] of Object.entries(textLimits)) {
      const made = event({ [name]: `/\u202e\n${'x'.repeat(10_000)}` }) as unknown as Record<string, string>
      expect(made[name]?.length).toBe(limit)
      expect(made[name]?.startsWith('/\ufffd\ufffdxx')).toBe(true)
      expect(made[name]?.endsWith('x…')).toBe(true)
    }
  })

  it('rounds to a thousandth and knows no negative zero', () => {
    expect(event({ durationMs: 1.23456789 }).durationMs).toBe(1.235)
    expect(event({ clockDifferenceSeconds: -0 }).clockDifferenceSeconds).toBe(0)
    expect(event({ clockDifferenceSeconds: -0.0001 }).clockDifferenceSeconds).toBe(0)
    expect(event({ requestBytes: Number.MAX_SAFE_INTEGER }).requestBytes).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('freezes the event', () => {
    expect(Object.isFrozen(event({}))).toBe(true)
  })

  it('makes only what the schema reads', () => {
    expect(auditEventSchema.safeParse(sampleEvent(fullDraft)).success).toBe(true)
    const wild = event({ path: `/${'\n'.repeat(5000)}`, name: '\ud800', note: '\u{e0041}'.repeat(600), status: 200.5 })
    expect(auditEventSchema.safeParse(wild).success).toBe(true)
  })
})

describe('redacted', () => {
  const full = sampleEvent(fullDraft)
  const { id, time, v, workload } = full
  const bare = {
    v,
    id,
    time,
    workload,
    type: 'call',
    side: 'callee',
    callId: fullDraft.callId,
    effect: 'deny',
    code: 'policy-denied',
  }

  it('removes fields and cuts texts', () => {
    const made = redacted(full, ({ address, ...rest }) => ({ ...rest, path: '/', tokenId: 'token' }))
    const { address: _, ...others } = full
    expect(made).toEqual({ ...others, path: '/', tokenId: 'token' })
    expect(Object.isFrozen(made)).toBe(true)
  })

  it('what a redaction adds to an event is dropped', () => {
    const wild = () => ({
      ...full,
      peer: `${fullDraft.peer}-${MARKER}`,
      path: MARKER,
      status: 200,
      sealed: false,
      note: { MARKER },
      extra: MARKER,
      type: 'custom',
      effect: 'allow',
      id: MARKER,
    })
    const made = redacted(full, wild as unknown as Parameters<typeof redacted>[1])
    expect(JSON.stringify(made)).not.toContain(MARKER)
    expect(made.type).toBe('call')
    expect(made.effect).toBe('deny')
    expect(made.id).toBe(full.id)
    for (const gone of ['peer', 'path', 'status', 'sealed', 'note', 'extra']) expect(gone in made).toBe(false)
    const empty = sampleEvent()
    expect(redacted(empty, (event) => ({ ...event, note: '' }))).toEqual(empty)
  })

  it('a redaction that fails or gives nothing leaves the bare event', () => {
    const failing = () => {
      throw new Error(MARKER)
    }
    for (const redact of [failing, () => undefined, () => ({}), () => null, () => MARKER]) {
      expect(redacted(full, redact as Parameters<typeof redacted>[1])).toEqual(bare)
    }
  })

  it('cannot change the event it looks at', () => {
    const made = redacted(full, (event) => {
      Object.assign(event, { note: MARKER })
      return event
    })
    expect(made).toEqual(bare)
  })
})
