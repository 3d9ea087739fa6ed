import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import { proveMessage } from '../../src/flow/message-proof.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { answerOf } from '../../src/index.ts'
import { type WorkloadProofName, workloadProof } from '../../src/peer/workload-proof.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { mintProofToken } from '../../src/token/proof-token.ts'
import { refusalOf } from '../core/refusal.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const ORIGIN = 'https://ledger.test'

async function pair(proofs: readonly WorkloadProofName[], more: Partial<GuardOptions> = {}) {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', { audiences: [ORIGIN] })
  const seen: Request[] = []
  const wire: Request[] = []
  const orders = await domain.workload('orders', {
    peers: { [ORIGIN]: ledger.id },
    transport: async (url, init) => {
      const request = new Request(url, init)
      wire.push(request.clone())
      return domain.deliver(await onTheWay(request))
    },
  })
  open.push(ledger, orders)
  domain.serve(
    ledger,
    ORIGIN,
    async (request) => {
      seen.push(request)
      return new Response(await request.text())
    },
    { accept: [workloadProof(...proofs)], ...more },
  )
  let onTheWay = async (request: Request) => request
  const byToken = orders.client({ peer: ledger.id, proof: 'proof-token', baseUrl: ORIGIN })
  const lastEvent = async () => {
    await ledger.audit.flush()
    return domain.sink.events.findLast(({ side }) => side === 'callee')
  }
  const meddle = (change: typeof onTheWay) => {
    onTheWay = change
  }
  return { domain, ledger, orders, byToken, seen, wire, lastEvent, meddle }
}

const ALL = ['session', 'signature', 'proof-token'] as const

describe('a call with a proof token', () => {
  it('is of the workload, and its answer is signed for this very call', async () => {
    const { byToken, lastEvent, ledger, wire, seen } = await pair(ALL)
    const headers = { 'content-type': 'text/plain', authorization: 'Bearer of-a-user', 'x-other': 'a' }
    const answer = await byToken('/entries?month=11', { method: 'POST', body: 'hello', headers })
    expect([answer.status, await answer.text()]).toEqual([200, 'hello'])
    expect(answerOf(answer)).toMatchObject({ peer: { id: ledger.id }, sealed: false })
    expect(await lastEvent()).toMatchObject({
      peer: 'spiffe://acme.test/orders',
      authenticatedBy: 'proof-token',
      effect: 'allow',
      callId: answerOf(answer).callId,
    })
    expect(wire).toHaveLength(1)
    expect(wire[0]?.headers.has('signature')).toBe(false)
    const names = [...(seen[0]?.headers.keys() ?? [])]
    expect(names).toContain('authorization')
    expect(names).not.toContain('workload-proof-token')
    expect(names).not.toContain('workload-identity-token')
  })

  it('counts nothing where the guard was not told to take it', async () => {
    const { byToken, lastEvent } = await pair(['session', 'signature'])
    const answer = await refusalOf(() => byToken('/entries'))
    expect(answer.code).toBe('answer-unsigned')
    expect((await lastEvent())?.code).toBe('proof-missing')
  })

  it('a signature is refused where a guard takes proof tokens alone', async () => {
    const { orders, byToken, lastEvent } = await pair(['proof-token'])
    expect((await byToken('/entries')).status).toBe(200)
    expect((await orders.fetch(`${ORIGIN}/entries`, { countersign: { proof: 'signature' } })).status).toBe(400)
    expect(await lastEvent()).toMatchObject({ code: 'proof-missing', step: 'signature' })
  })

  it('is refused when it comes again, and its refusal is signed', async () => {
    const { byToken, meddle, domain, lastEvent } = await pair(ALL)
    let copy: Request | undefined
    meddle(async (request) => {
      copy = request.clone()
      return request
    })
    expect((await byToken('/entries')).status).toBe(200)
    const again = await domain.deliver(copy as Request)
    expect([again.status, again.headers.has('signature')]).toEqual([400, true])
    expect((await lastEvent())?.code).toBe('proof-replayed')
  })

  it('is refused at another path, for another workload, without its token and with another one', async () => {
    const { byToken, meddle, lastEvent } = await pair(ALL)
    const codeWith = async (change: (request: Request) => Request) => {
      meddle(async (request) => change(request))
      await byToken('/entries').catch(() => undefined)
      return (await lastEvent())?.code
    }
    const header = (request: Request, name: string, value: string | undefined) => {
      const headers = new Headers(request.headers)
      if (value === undefined) headers.delete(name)
      else headers.set(name, value)
      return new Request(request, { headers })
    }
    expect(await codeWith((request) => new Request(`${ORIGIN}/other`, request))).toBe('audience-mismatch')
    expect(await codeWith((request) => header(request, 'workload-identity-token', undefined))).toBe('token-missing')
    expect(await codeWith((request) => header(request, 'authorization', 'Bearer x'))).toBe('proof-invalid')
    expect(await codeWith((request) => header(request, 'workload-proof-token', 'x'))).toBe('proof-incomplete')
  })

  it('a proof token that was made for a message proves no call', async () => {
    const { orders, ledger, domain, lastEvent, seen } = await pair(ALL)
    const payload = new TextEncoder().encode('{"amount":9}')
    const headers = { ...(await proveMessage(orders, { audience: ledger.id, payload })) }
    const digest = createHash('sha256').update(payload).digest('base64')
    // Whoever carries the message keeps it, and makes a call of it where it likes.
    const url = `${ORIGIN}/payments`
    const call = { method: 'POST', headers: { ...headers, 'content-digest': `sha-256=:${digest}:` }, body: payload }
    expect((await domain.deliver(new Request(url, call))).status).not.toBe(200)
    expect(await lastEvent()).toMatchObject({ code: 'proof-incomplete', step: 'msg' })
    expect(seen).toEqual([])
  })

  it('that is bound to the digest of a body is taken with that body alone', async () => {
    const { orders, ledger, domain, lastEvent } = await pair(ALL)
    const { token, signingKey } = await engineOf(orders).credentials.current()
    const digest = `sha-256=:${createHash('sha256').update('hello').digest('base64')}:`
    const send = async (id: string, body: string) => {
      const text = await mintProofToken({
        token,
        signingKey,
        audience: ledger.id,
        expires: Math.floor(domain.clock.now() / 1000) + 60,
        id,
        carrier: (name) => (name === 'content-digest' ? [digest] : []),
        others: ['content-digest'],
      })
      const headers = { 'workload-identity-token': token, 'workload-proof-token': text, 'content-digest': digest }
      const { status } = await domain.deliver(new Request(`${ORIGIN}/entries`, { method: 'POST', headers, body }))
      return [status, (await lastEvent())?.code]
    }
    expect(await send('a', 'hello')).toEqual([200, undefined])
    expect(await send('b', 'hullo')).toEqual([400, 'digest-mismatch'])
    expect(await send('c', '')).toEqual([400, 'digest-mismatch'])
  })

  it('a proof token without a workload identity token is refused', async () => {
    const { byToken, meddle, lastEvent } = await pair(ALL)
    meddle(async (request) => {
      const headers = new Headers(request.headers)
      headers.delete('workload-identity-token')
      return new Request(request, { headers })
    })
    await byToken('/entries').catch(() => undefined)
    expect((await lastEvent())?.code).toBe('token-missing')
  })

  it('opens no session', async () => {
    const { byToken, wire } = await pair(ALL)
    for (let count = 0; count < 3; count++) expect((await byToken('/entries')).status).toBe(200)
    expect(wire.map(({ url }) => new URL(url).pathname)).toEqual(['/entries', '/entries', '/entries'])
  })

  it('lets a rule ask for more', async () => {
    const { definePolicy } = await import('../../src/policy/define-policy.ts')
    const policy = definePolicy({
      version: 1,
      rules: [
        {
          id: 'signed',
          effect: 'allow',
          from: ['spiffe://acme.test/*'],
          to: ['* /*'],
          when: { authenticatedBy: ['signature', 'session'] },
        },
      ],
    })
    const { byToken, orders } = await pair(ALL, { policy })
    expect((await byToken('/entries')).status).toBe(403)
    expect((await orders.fetch(`${ORIGIN}/entries`)).status).toBe(200)
  })

  it('an answer to another call is not taken', async () => {
    const { byToken, meddle, domain } = await pair(ALL)
    let first: Response | undefined
    meddle(async (request) => {
      first = await domain.deliver(request.clone())
      return new Request(`${ORIGIN}/never`, { method: 'POST' })
    })
    await byToken('/entries').catch(() => undefined)
    const kept = first as Response
    expect(kept.status).toBe(200)
    const orders = await domain.workload('orders', {
      transport: async () => kept.clone(),
      peers: { [ORIGIN]: 'spiffe://acme.test/ledger' },
    })
    open.push(orders)
    const refused = await refusalOf(() => orders.fetch(`${ORIGIN}/entries`, { countersign: { proof: 'proof-token' } }))
    expect(refused.code).toBe('answer-unbound')
  })

  it('a body that streams is not sent with a proof token', async () => {
    const { byToken, wire } = await pair(ALL)
    const body = new ReadableStream({ pull: (controller) => controller.close() })
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    const refused = await refusalOf(() => byToken('/entries', init))
    expect([refused.code, wire.length]).toEqual(['option-invalid', 0])
  })
})
