import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { hold } from '../../src/adapters/node-held-doors.ts'

it('an answer that does not inherit from Node’s is held on its own, and nothing it inherits from is changed', () => {
  const inherited = { writeHead: () => 'head', flushHeaders: () => 'flush', write: () => 'write', end: () => 'end' }
  const foreign = Object.create(inherited) as ServerResponse
  const told: unknown[] = []
  const tell = (given: readonly unknown[]) => told.push(given[0])
  const before = hold(foreign, { writeHead: tell, flushHeaders: () => 'held', write: tell, end: tell })
  foreign.end('x')
  expect(told).toEqual(['x'])
  expect([inherited.end(), Object.hasOwn(Object.prototype, 'end')]).toEqual(['end', false])
  expect(before.end).toBe(inherited.end)
})
