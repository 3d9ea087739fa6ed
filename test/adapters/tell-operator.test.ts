import { createServer } from 'node:http'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { guard as guardFetch } from '../../src/adapters/fetch.ts'
import { guard as guardNode } from '../../src/adapters/node.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { socketDomain } from '../journeys/domain.ts'
import { listen } from '../journeys/servers.ts'

const policy = definePolicy({ version: 1, rules: [{ id: 'all', effect: 'allow', from: ['anonymous'], to: ['* /*'] }] })
const error = new Error('on purpose')

let told: unknown[]
beforeEach(() => {
  told = []
  vi.spyOn(console, 'error').mockImplementation((...given: unknown[]) => void told.push(...given))
})
afterEach(() => {
  vi.restoreAllMocks()
})

it('shows the operator what a Fetch handler threw, and the caller nothing of it', async () => {
  const { ledger } = await socketDomain()
  const handle = guardFetch(ledger, { policy }, () => Promise.reject(error))
  const answer = await handle(new Request('https://ledger.test/'))
  expect([answer.status, (await answer.text()).includes('purpose')]).toEqual([500, false])
  expect(told).toEqual([error])
})

it('shows the operator what a Node handler threw, and the caller nothing of it', async () => {
  const { ledger } = await socketDomain()
  const listener = guardNode(ledger, { policy }, () => {
    throw error
  })
  const service = await listen(createServer(listener))
  const answer = await fetch(service.origin)
  expect([answer.status, (await answer.text()).includes('purpose')]).toEqual([500, false])
  expect(told).toEqual([error])
  await service.close()
})
