import { expect, it } from 'vitest'
import { runInCall } from '../../../src/flow/call-context.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { anonymous } from '../../../src/identity/peer.ts'
import { coveredFields, createWire, fieldAt } from '../../refusals/wire.ts'

const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const parent = { id: 'p', peer: anonymous, decision: { effect: 'allow' as const }, sealed: false, traceparent: trace }

it('asks for an answer as it is, covers what the application set, and keeps what it set', async () => {
  const wire = await createWire()
  const bare = await wire.capture()
  expect([fieldAt(bare, 'accept'), fieldAt(bare, 'accept-encoding')]).toEqual(['*/*', 'identity'])
  expect(fieldAt(bare, 'content-digest')).toBe('')
  const set = { accept: 'text/own', 'accept-encoding': 'gzip', traceparent: trace, 'x-own': '1' }
  const own = await wire.capture({ headers: set })
  expect([fieldAt(own, 'accept'), fieldAt(own, 'accept-encoding')]).toEqual(['text/own', 'identity'])
  expect(fieldAt(own, 'traceparent')).toBe(trace)
  expect(coveredFields(own)).toEqual(expect.arrayContaining(['accept', 'accept-encoding', 'x-own']))
  const empty = await wire.capture({ method: 'POST', body: '' })
  expect(fieldAt(empty, 'content-digest')).toBe('')
  expect(fieldAt(await wire.capture({ method: 'POST', body: 'x' }), 'content-digest')).toMatch(/^sha-256=:/)
})

it('continues the trace of the call it is made in, or of the one it is given, or of none', async () => {
  const wire = await createWire()
  const traceOf = async (countersign: { call?: typeof parent | null }) =>
    fieldAt(await wire.capture({ countersign: { seal: 'never', ...countersign } }), 'traceparent').slice(3, 35)
  const ours = trace.slice(3, 35)
  expect(await traceOf({})).not.toBe(ours)
  expect(await traceOf({ call: parent })).toBe(ours)
  expect(await runInCall(parent, () => traceOf({}))).toBe(ours)
  expect(await runInCall(parent, () => traceOf({ call: null }))).not.toBe(ours)
})

it('signs by the clock of the peer, for the peer or the audience that was asked for', async () => {
  const wire = await createWire()
  const input = async (audience?: string) => {
    const countersign = { seal: 'never' as const, ...(audience === undefined ? {} : { audience }) }
    return fieldAt(await wire.capture({ countersign }), 'signature-input')
  }
  const now = Math.floor(wire.domain.clock.now() / 1000)
  expect(await input()).toContain(`;created=${now};expires=${now + 60};`)
  expect(await input()).toContain(`;wimse-aud="${wire.ledger.id}"`)
  expect(await input('https://ledger.test/x')).toContain(';wimse-aud="https://ledger.test/x"')
  engineOf(wire.orders).peers.of(wire.ledger.id).clockOffsetSeconds = -100
  expect(await input()).toContain(`;created=${now - 100};expires=${now - 40};`)
})
