import { describe, expect, it } from 'vitest'
import { groupByCall } from '../../src/audit/group-by-call.ts'
import { readAudit } from '../../src/audit/read-audit.ts'
import { sampleEvent } from './sample.ts'

const callee = sampleEvent({ callId: 'a', side: 'callee' })
const caller = sampleEvent({ callId: 'a', side: 'caller' })
const replayed = sampleEvent({ callId: 'a', side: 'callee', code: 'proof-replayed' })
const note = sampleEvent({ type: 'custom', callId: 'a', name: 'order.placed' })
const alone = sampleEvent({ callId: '__proto__', side: 'caller' })
const ofNoCall = sampleEvent({ type: 'workload.started' })
const events = [callee, alone, ofNoCall, note, caller, replayed]

describe('groupByCall', () => {
  it('puts the two sides of a call together, a replay and what the application said too', async () => {
    expect(await groupByCall(events)).toEqual([
      { callId: 'a', caller: [caller], callee: [callee, replayed], other: [note] },
      { callId: '__proto__', caller: [alone], callee: [], other: [] },
    ])
  })

  it('takes what readAudit gives', async () => {
    const lines = events.map((event) => JSON.stringify(event))
    expect(await groupByCall(readAudit(lines))).toEqual(await groupByCall(events))
  })
})
