import { afterEach, describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import { type Authenticator, ownAuthenticator, type Surroundings } from '../../src/peer/authenticator.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { testDomain } from '../../src/testing/test-domain.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const bob = Object.freeze({ id: 'bob', authenticatedBy: 'word', scopes: ['a'], claims: {}, also: [] })

/** An authenticator as those of the library are: the word is `open`; `closed` is bad. */
function byWord(seen: { around?: Surroundings; closed: number } = { closed: 0 }): Authenticator {
  return ownAuthenticator('word', (around) => {
    seen.around = around
    return {
      secrets: ['word'],
      authenticate({ header }) {
        if (header('word') === undefined) return undefined
        if (header('word') !== 'open') throw new CountersignError('authentication-failed', { detail: { step: 'word' } })
        return bob
      },
      challenge: ({ code }) => ['WWW-Authenticate', `Word of="${around.id}", error="${code}"`],
      close: () => void seen.closed++,
    }
  })
}

async function served(accept: readonly Authenticator[], more: Partial<GuardOptions> = {}) {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', { audiences: ['https://ledger.test'] })
  open.push(ledger)
  const allowed = new Set(['bob', 'alice', 'spiffe://acme.test/orders'])
  const policy = {
    decide: ({ peer }: { peer: { id: string } }) => ({ effect: allowed.has(peer.id) ? 'allow' : 'deny' }) as const,
  }
  const seen: Request[] = []
  const handler = (request: Request) => {
    seen.push(request)
    return new Response('ok')
  }
  domain.serve(ledger, 'https://ledger.test', handler, { accept, policy, ...more })
  const ask = (headers: Record<string, string> = {}) => domain.deliver(new Request('https://ledger.test/', { headers }))
  return { domain, ledger, ask, seen }
}

describe('ways to authenticate that answer with 401', () => {
  it('who proves nothing is told each of them, in their order', async () => {
    const plain: Authenticator = { name: 'plain', challenge: 'Plain realm="x"', authenticate: () => undefined }
    const { ask, domain, ledger } = await served([workloadProof(), byWord(), plain])
    const answer = await ask()
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe(
      'Word of="spiffe://acme.test/ledger", error="authentication-required", Plain realm="x"',
    )
    await ledger.audit.flush()
    expect(domain.sink.events.find(({ side }) => side === 'callee')?.code).toBe('authentication-required')
  })

  it('a guard without one asks for a proof as before', async () => {
    const { ask } = await served([workloadProof()])
    const answer = await ask()
    expect([answer.status, answer.headers.has('www-authenticate')]).toEqual([400, false])
  })

  it('gives the peer that was established', async () => {
    const { ask, domain, ledger } = await served([byWord()])
    expect((await ask({ word: 'open' })).status).toBe(200)
    await ledger.audit.flush()
    expect(domain.sink.events.find(({ side }) => side === 'callee')).toMatchObject({
      peer: 'bob',
      authenticatedBy: 'word',
    })
  })

  it('what is bad is refused by its own code, and nothing falls through', async () => {
    const lenient: Authenticator = { name: 'lenient', authenticate: () => ({ id: 'alice' }) }
    const { ask } = await served([byWord(), lenient])
    expect((await ask({ word: 'shut' })).status).toBe(401)
    expect((await ask()).status).toBe(200)
  })

  it('one of your own with a challenge is refused with 401', async () => {
    const strict: Authenticator = {
      name: 'strict',
      challenge: 'Strict',
      authenticate() {
        throw new Error('bad')
      },
    }
    const { ask } = await served([strict])
    const answer = await ask()
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Strict'])
  })

  it('a field in which callers show a secret never reaches a handler, covered or not', async () => {
    const { ask, domain, ledger, seen } = await served([workloadProof(), byWord()], { pass: ['word'] })
    expect((await ask({ word: 'open', other: 'x' })).status).toBe(200)
    const orders = await domain.workload('orders')
    expect((await orders.fetch('https://ledger.test/', { headers: { word: 'shut', other: 'x' } })).status).toBe(200)
    expect(seen.map(({ headers }) => [headers.has('word'), headers.get('other')])).toEqual(Array(2).fill([false, 'x']))
    await ledger.audit.flush()
    const events = domain.sink.events.filter(({ side, path }) => side === 'callee' && path === '/')
    expect(events.map(({ droppedFields }) => droppedFields)).toEqual(Array(2).fill('word'))
  })

  it('who is known and may not is told no way', async () => {
    const mallory: Authenticator = { name: 'other', challenge: 'Other', authenticate: () => ({ id: 'mallory' }) }
    const answer = await (await served([mallory])).ask()
    expect([answer.status, answer.headers.has('www-authenticate')]).toEqual([403, false])
  })

  it('are told of the workload they serve, and closed with it, once, or at once where it is closed', async () => {
    const seen: { around?: Surroundings; closed: number } = { closed: 0 }
    const { domain, ledger } = await served([byWord(seen)])
    expect(seen.around?.urls()).toEqual(['https://ledger.test'])
    expect(seen.around?.isRevoked({ keyId: 'a' })).toBe(false)
    await ledger.close()
    await ledger.close()
    expect(seen.closed).toBe(1)
    domain.serve(ledger, 'https://late.test', () => new Response('ok'), { accept: [byWord(seen)] })
    expect(seen.closed).toBe(2)
  })
})
