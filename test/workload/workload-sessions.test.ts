import { describe, expect, it } from 'vitest'
import { engineOf } from '../../src/flow/workload.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'

describe('sessions', () => {
  const LEDGER = 'https://ledger.test'

  /** A caller and a callee, and what travels between them. */
  async function pair(options: { orders?: Partial<WorkloadOptions>; ledger?: Partial<WorkloadOptions> } = {}) {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger', options.ledger)
    const ran: string[] = []
    domain.serve(ledger, LEDGER, (request) => {
      ran.push(new URL(request.url).pathname)
      return new Response('ok')
    })
    const sent: string[] = []
    const orders = await domain.workload('orders', {
      transport(url, init) {
        const by = new Headers(init.headers).get('signature-input')?.includes('countersign-session') ?? false
        sent.push(`${new URL(url).pathname} by ${by ? 'session' : 'signature'}`)
        return domain.deliver(new Request(url, init))
      },
      ...options.orders,
    })
    return { domain, ledger, orders, ran, sent }
  }

  const OPENING = '/.well-known/countersign/session by signature'

  it('are opened by the first call, and used by it and the next', async () => {
    const { orders, sent } = await pair()
    for (const path of ['/a', '/b']) {
      const answer = await orders.fetch(LEDGER + path)
      expect(answerOf(answer).peer.authenticatedBy).toBe('session')
    }
    expect(sent).toEqual([OPENING, '/a by session', '/b by session'])
  })

  it('are neither opened nor offered where they are off', async () => {
    const off = await pair({ orders: { sessions: false } })
    await off.orders.fetch(`${LEDGER}/a`)
    expect(off.sent).toEqual(['/a by signature'])
    expect([engineOf(off.orders).sessions, off.orders.endSessions(() => true)]).toEqual([undefined, 0])
    const silent = await pair({ ledger: { sessions: false } })
    for (const path of ['/a', '/b']) expect((await silent.orders.fetch(LEDGER + path)).status).toBe(200)
    expect(silent.sent).toEqual([OPENING, '/a by signature', '/b by signature'])
  })

  it('are left aside by a call that is to be signed', async () => {
    const { orders, sent } = await pair()
    await orders.fetch(`${LEDGER}/a`, { countersign: { proof: 'signature' } })
    const client = orders.client({ peer: 'spiffe://acme.test/ledger', baseUrl: LEDGER, proof: 'signature' })
    await client('/b')
    await orders.fetch(`${LEDGER}/c`)
    expect(sent).toEqual(['/a by signature', '/b by signature', OPENING, '/c by session'])
  })

  it('end at once at the one who is called: the next call is made again with a signature, and runs once', async () => {
    const { orders, ledger, ran, sent } = await pair()
    await orders.fetch(`${LEDGER}/a`)
    expect(ledger.endSessions(({ peer }) => peer === 'spiffe://acme.test/other')).toBe(0)
    expect(ledger.endSessions(({ peer }) => peer === orders.id)).toBe(1)
    expect((await orders.fetch(`${LEDGER}/b`, { method: 'POST', body: 'x' })).status).toBe(200)
    expect(ran).toEqual(['/a', '/b'])
    expect(sent.slice(2)).toEqual(['/b by session', '/b by signature'])
    await orders.fetch(`${LEDGER}/c`)
    expect(sent.slice(4)).toEqual([OPENING, '/c by session'])
  })

  it('end at once at the one who calls: the next call opens another', async () => {
    const { orders, ledger, sent } = await pair()
    await orders.fetch(`${LEDGER}/a`)
    expect(orders.endSessions(({ peer }) => peer === ledger.id)).toBe(1)
    expect(orders.endSessions(({ peer }) => peer === ledger.id)).toBe(0)
    await orders.fetch(`${LEDGER}/b`)
    expect(sent).toEqual([OPENING, '/a by session', OPENING, '/b by session'])
  })

  it('that others have opened end when their workload closes', async () => {
    const { orders, ledger, sent } = await pair()
    await orders.fetch(`${LEDGER}/a`)
    const table = engineOf(ledger).sessions?.table
    expect(table?.size).toBe(1)
    await ledger.close()
    expect(table?.size).toBe(0)
    expect((await orders.fetch(`${LEDGER}/b`)).status).toBe(503)
    expect(sent.at(-1)).toBe('/b by session')
  })

  it('carry no new call once their workload is closed, and the answers to those that were made', async () => {
    let answer: () => void = () => undefined
    const slow = new Promise<void>((resolve) => (answer = resolve))
    const { domain, ledger, orders, sent } = await pair()
    await orders.fetch(`${LEDGER}/a`)
    let arrived: () => void = () => undefined
    const there = new Promise<void>((resolve) => (arrived = resolve))
    domain.serve(ledger, LEDGER, async () => {
      arrived()
      await slow
      return new Response('late')
    })
    const pending = orders.fetch(`${LEDGER}/slow`)
    await there
    await orders.close()
    answer()
    expect(await (await pending).text()).toBe('late')
    await expect(orders.fetch(`${LEDGER}/b`)).rejects.toMatchObject({ code: 'workload-closed' })
    expect(sent).toEqual([OPENING, '/a by session', '/slow by session'])
  })
})
