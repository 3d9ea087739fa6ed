import { describe, expect, it } from 'vitest'
import { type ConsoleSinkOptions, consoleSink } from '../../src/audit/console-sink.ts'
import type { AuditEvent } from '../../src/audit/event.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { fullDraft, sampleEvent } from './sample.ts'

async function printed(events: readonly AuditEvent[], options: ConsoleSinkOptions = {}): Promise<string[]> {
  const lines: string[] = []
  await consoleSink({ ...options, console: { log: (line) => lines.push(line) } }).write(events)
  return lines
}

const refused = sampleEvent(fullDraft)

describe('consoleSink', () => {
  it('prints one readable line for each event', async () => {
    const allowed = sampleEvent({
      type: 'call',
      side: 'caller',
      effect: 'allow',
      peer: 'spiffe://acme.test/ledger',
      method: 'GET',
      path: '/charges/7',
      status: 200,
      durationMs: 2,
    })
    expect(await printed([refused, allowed])).toEqual([
      '2026-09-01T12:00:00.000Z callee DENIED   spiffe://acme.test/orders → POST /charges 403 rule=orders-may-charge code=policy-denied step=policy name=name count=2 sealed 3.3ms note=note',
      '2026-09-01T12:00:00.000Z caller ok       GET /charges/7 → spiffe://acme.test/ledger 200 2.0ms',
    ])
  })

  it('prints what is no call', async () => {
    const events = [
      sampleEvent({ type: 'custom', name: 'order placed', note: '{"a":1}' }),
      sampleEvent({ type: 'trust.rejected', step: 'parse' }),
      sampleEvent({ type: 'workload.started' }),
    ]
    expect(await printed(events)).toEqual([
      '2026-09-01T12:00:00.000Z -      -        custom spiffe://acme.test/ledger name="order placed" note="{\\"a\\":1}"',
      '2026-09-01T12:00:00.000Z -      FAILED   trust.rejected spiffe://acme.test/ledger step=parse',
      '2026-09-01T12:00:00.000Z -      -        workload.started spiffe://acme.test/ledger',
    ])
  })

  it('tells what was observed and what failed from what was refused', async () => {
    const lines = await printed([
      sampleEvent({ observed: true, effect: 'deny', code: 'proof-missing' }),
      sampleEvent({ effect: 'allow', code: 'handler-failed' }),
      sampleEvent({ effect: 'allow' }),
    ])
    expect(lines.map((line) => line.slice(32, 41).trim())).toEqual(['OBSERVED', 'FAILED', 'ok'])
  })

  it('lets no event pass for two, nor paint the terminal', async () => {
    const forged = { ...refused, path: '/\n\u001b[2K2026-09-01 callee ok \u202e', name: 'a code=b' }
    const [line = ''] = await printed([forged])
    expect(line).toContain('"/\ufffd\ufffd[2K2026-09-01 callee ok \ufffd"')
    expect(line).toContain('name="a code=b"')
    expect(line).not.toContain('\n')
    expect(line).not.toContain('\u001b')
  })

  it('colors refusals when it is told to', async () => {
    const [bad = '', good = ''] = await printed([refused, sampleEvent({ effect: 'allow' })], { color: true })
    expect(bad.startsWith('\u001b[31m2026')).toBe(true)
    expect(bad.endsWith('\u001b[39m')).toBe(true)
    expect(good).not.toContain('\u001b')
  })

  it('prints JSON', async () => {
    const [line = ''] = await printed([refused], { format: 'json' })
    expect(JSON.parse(line)).toEqual(refused)
  })

  it('refuses options that are none', () => {
    for (const options of [{ format: 'xml' }, { console: {} }, { color: 1 }, { stream: 1 }]) {
      let caught: unknown
      try {
        consoleSink(options as unknown as ConsoleSinkOptions)
      } catch (error) {
        caught = error
      }
      expect(isCountersignError(caught, 'option-invalid')).toBe(true)
    }
  })
})
