import { expect, it } from 'vitest'
import { createPeerMemory } from '../../src/flow/peer-memory.ts'

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
