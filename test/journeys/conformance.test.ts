import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Workload } from '../../src/flow/workload.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { calleeEvents, type SocketDomain, socketDomain } from './domain.ts'
import { adapters, type Seen, type Service } from './servers.ts'

const policy = definePolicy({
  version: 1,
  rules: [
    { id: 'sealed-only', effect: 'allow', from: ['spiffe://acme.test/*'], to: ['* /secret'], when: { sealed: true } },
    { id: 'never', effect: 'deny', from: ['spiffe://acme.test/*'], to: ['* /forbidden'] },
    { id: 'orders-everywhere', effect: 'allow', from: ['spiffe://acme.test/orders'], to: ['* /*'] },
    { id: 'health', effect: 'allow', from: ['anonymous'], to: ['GET /open'] },
  ],
})

const json = { 'content-type': 'application/json' }

describe.each([...adapters])('%s', (_name, start) => {
  let world: SocketDomain
  let service: Service
  let orders: Workload
  const log: Seen[] = []

  beforeAll(async () => {
    world = await socketDomain()
    service = await start(world.ledger, { policy, exempt: ['/healthz'] }, log)
    orders = await world.caller('orders', service.origin)
  })
  afterAll(async () => {
    await service.close()
  })

  const post = (path: string, body: unknown, init: Parameters<Workload['fetch']>[1] = {}) =>
    orders.fetch(`${service.origin}${path}`, { method: 'POST', headers: json, body: JSON.stringify(body), ...init })

  it('delivers a signed POST and a verified answer', async () => {
    const answer = await post('/entries?a=1', { amount: 1 })
    expect(answer.status).toBe(200)
    const seen = (await answer.json()) as Seen
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/entries?a=1',
      body: { amount: 1 },
      from: orders.id,
      inContext: true,
    })
    expect(answerOf(answer).peer.id).toBe(world.ledger.id)
    expect(answer.headers.get('x-own')).toBe('yes')
  })

  it('shows handlers no field of the proof', async () => {
    const seen = (await (await post('/entries', {})).json()) as Seen
    for (const name of [
      'signature',
      'signature-input',
      'workload-identity-token',
      'content-digest',
      'content-envelope',
    ]) {
      expect(seen.headers).not.toHaveProperty(name)
    }
    expect(seen.headers['content-type']).toBe('application/json')
  })

  it('seals both ways where the caller says always', async () => {
    const answer = await post('/entries', { card: '4929' }, { countersign: { seal: 'always' } })
    const seen = (await answer.json()) as Seen
    expect(seen).toMatchObject({ body: { card: '4929' }, sealed: true })
    expect(seen.headers['content-type']).toBe('application/json')
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answerOf(answer).sealed).toBe(true)
  })

  it('answers a bodyless call sealed where the caller says always', async () => {
    const answer = await orders.fetch(`${service.origin}/hello`, { countersign: { seal: 'always' } })
    expect(answer.status).toBe(200)
    expect(answerOf(answer).sealed).toBe(true)
  })

  it('answers 415 to a plaintext body where the policy demands sealing', async () => {
    const before = log.length
    const billing = await world.caller('billing', service.origin, { sessions: false })
    const answer = await billing.fetch(`${service.origin}/secret`, {
      method: 'POST',
      headers: json,
      body: '{}',
      countersign: { seal: 'never' },
    })
    expect(answer.status).toBe(415)
    expect(await answer.json()).toMatchObject({ type: 'urn:countersign:problem:encryption-required' })
    expect(log.length).toBe(before)
  })

  it('says in its handshake that sealing is demanded: no plaintext body is sent, and the first one is sealed', async () => {
    const before = log.length
    const billing = await world.caller('billing', service.origin)
    const secret = { method: 'POST', headers: json, body: '{"a":1}' }
    const plain = billing.fetch(`${service.origin}/secret`, { ...secret, countersign: { seal: 'never' } })
    await expect(plain).rejects.toMatchObject({ code: 'encryption-required', outcome: 'not-run' })
    expect(log.length).toBe(before)
    const answer = await billing.fetch(`${service.origin}/secret`, secret)
    expect(answer.status).toBe(200)
    expect(answerOf(answer).sealed).toBe(true)
    expect((await calleeEvents(world)).at(-1)).toMatchObject({ authenticatedBy: 'session', sealed: true })
  })

  it('finds out by discovery that sealing is asked for, and seals the first body', async () => {
    const billing = await world.caller('billing', service.origin, { sessions: false })
    const answer = await billing.fetch(`${service.origin}/secret`, { method: 'POST', headers: json, body: '{"a":1}' })
    expect(answer.status).toBe(200)
    expect(answerOf(answer).sealed).toBe(true)
  })

  it('answers 403, signed, where the policy denies', async () => {
    const answer = await post('/forbidden', {})
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ type: 'urn:countersign:problem:forbidden', status: 403 })
    const last = (await calleeEvents(world)).at(-1)
    expect(last).toMatchObject({
      code: 'policy-denied',
      rule: 'never',
      effect: 'deny',
      callId: answerOf(answer).callId,
    })
  })

  it('refuses a call without a proof, and lets the anonymous in where the policy names them', async () => {
    const refused = await fetch(`${service.origin}/entries`, { method: 'POST', body: 'x' })
    expect(refused.status).toBe(400)
    expect(((await refused.json()) as { type: string }).type).toBe('urn:countersign:problem:unauthenticated')
    expect((await fetch(`${service.origin}/open`)).status).toBe(200)
  })

  it('exempts exact paths for GET and HEAD only', async () => {
    expect((await fetch(`${service.origin}/healthz`)).status).toBe(200)
    expect((await fetch(`${service.origin}/healthz`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${service.origin}/healthz`, { method: 'POST' })).status).toBe(400)
    expect((await fetch(`${service.origin}/healthz/`)).status).toBe(400)
  })

  it('handles HEAD, 204, 304, redirects and unusual statuses', async () => {
    const head = await orders.fetch(`${service.origin}/hello`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await orders.fetch(`${service.origin}/nothing`)).status).toBe(204)
    const unchanged = await orders.fetch(`${service.origin}/unchanged`)
    expect([unchanged.status, unchanged.headers.get('etag')]).toEqual([304, '"v1"'])
    const moved = await orders.fetch(`${service.origin}/moved`)
    expect([moved.status, moved.headers.get('location')]).toEqual([302, '/hello'])
    const followed = await orders.fetch(`${service.origin}/moved`, { redirect: 'follow' })
    expect(followed.status).toBe(200)
    expect(await (await orders.fetch(`${service.origin}/teapot`)).text()).toBe('short and stout')
  })

  it('keeps several cookies apart', async () => {
    const answer = await orders.fetch(`${service.origin}/cookies`)
    expect(answer.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2'])
  })

  it('delivers a download of 200,000 bytes, sealed or not', async () => {
    for (const seal of ['never', 'always'] as const) {
      const bytes = Buffer.from(
        await (await orders.fetch(`${service.origin}/download`, { countersign: { seal } })).arrayBuffer(),
      )
      expect(bytes.equals(Buffer.alloc(200_000, 7))).toBe(true)
    }
  })

  it('streams an answer that is too large to be kept, and events', async () => {
    const huge = await orders.fetch(`${service.origin}/huge`)
    expect([huge.status, answerOf(huge).sealed]).toEqual([200, true])
    expect(Buffer.from(await huge.arrayBuffer()).equals(Buffer.alloc(1_100_000, 1))).toBe(true)
    const events = await orders.fetch(`${service.origin}/events`)
    expect(events.headers.get('content-type')).toContain('text/event-stream')
    expect(await events.text()).toBe('data: 1\n\n')
  })

  it('answers 501, signed, where such an answer would leave unsealed', async () => {
    const { keys } = await world.domain.credentials()
    const credentials = selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') })
    const keyless = await world.caller('orders', service.origin, { credentials, sessions: false })
    expect((await keyless.fetch(`${service.origin}/huge`)).status).toBe(501)
    expect((await keyless.fetch(`${service.origin}/events`)).status).toBe(501)
  })

  it('answers 413 to a body over the limit, before the handler', async () => {
    const before = log.length
    const answer = await post('/entries', 'x'.repeat(1_100_000))
    expect(answer.status).toBe(413)
    expect(log.length).toBe(before)
  })

  it('answers 500, signed, where the handler throws', async () => {
    const answer = await orders.fetch(`${service.origin}/throw`)
    expect(answer.status).toBe(500)
    expect(answerOf(answer).peer.id).toBe(world.ledger.id)
  })

  it('writes exactly one event a call and side, with one id', async () => {
    world.domain.sink.clear()
    const answer = await post('/entries', { amount: 2 })
    await orders.audit.flush()
    await world.ledger.audit.flush()
    const events = world.domain.sink.events.filter(({ type }) => type === 'call')
    expect(events.map(({ side }) => side).sort()).toEqual(['callee', 'caller'])
    expect(new Set(events.map(({ callId }) => callId))).toEqual(new Set([answerOf(answer).callId]))
  })

  it('serves many calls on kept connections at once', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => post(`/entries?i=${i}`, { i })))
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as Seen[]
    expect(bodies.map(({ body }) => (body as { i: number }).i)).toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  it('never lets a field that no proof covers reach the handler', async () => {
    const meddled = await world.caller('orders', service.origin, {
      transport: (url, init) => {
        const headers = new Headers(init.headers)
        headers.set('x-user-id', 'root')
        headers.set('x-request-id', 'seen')
        return fetch(url, { ...init, headers })
      },
    })
    const seen = (await (await meddled.fetch(`${service.origin}/hello`)).json()) as Seen
    expect(seen.headers).not.toHaveProperty('x-user-id')
    expect(seen.headers['x-request-id']).toBe('seen')
  })
})
