import { expect, it } from 'vitest'
import { createPeerMemory, lineTo } from '../../src/flow/peer-memory.ts'

it('remembers ten thousand peers, and forgets the oldest that never asked for sealing first', () => {
  const memory = createPeerMemory()
  memory.of('sealing').demandsSeal = true
  memory.of('oldest').clockOffsetSeconds = 60
  for (let i = 0; i < 9_998; i++) memory.of(`p${i}`).clockOffsetSeconds = 60
  expect(memory.of('oldest').clockOffsetSeconds).toBe(60)
  memory.of('one more')
  expect(memory.of('sealing').demandsSeal).toBe(true)
  expect(memory.of('p9997').clockOffsetSeconds).toBe(60)
  expect(memory.of('oldest').clockOffsetSeconds).toBe(0)
})

it('keeps one line for each base URL of a peer', () => {
  const known = createPeerMemory().of('ledger')
  const line = lineTo(known, 'https://ledger.test')
  expect(line).toEqual({ session: undefined, handshake: undefined, retryAfterMs: Number.NEGATIVE_INFINITY, lost: 0 })
  line.lost = 2
  expect(lineTo(known, 'https://ledger.test')).toBe(line)
  for (const other of ['https://ledger.test/v1', 'http://ledger.test', 'https://ledger.test:8443']) {
    expect(lineTo(known, other).lost, other).toBe(0)
  }
  expect(known.lines.size).toBe(4)
})

it('keeps 64 lines to a peer, and forgets the oldest first', () => {
  const known = createPeerMemory().of('ledger')
  for (let i = 0; i < 64; i++) lineTo(known, `https://${i}.test`).lost = 1
  expect([known.lines.size, lineTo(known, 'https://0.test').lost]).toEqual([64, 1])
  expect(lineTo(known, 'https://64.test').lost).toBe(0)
  expect(known.lines.size).toBe(64)
  expect(lineTo(known, 'https://1.test').lost).toBe(1)
  expect(known.lines.has('https://0.test')).toBe(false)
})

it('tells of everything it knows', () => {
  const memory = createPeerMemory()
  expect([...memory.all()]).toEqual([])
  const known = [memory.of('a'), memory.of('b')]
  expect([...memory.all()]).toEqual(known)
  expect(memory.of('a')).toBe(known[0])
})
