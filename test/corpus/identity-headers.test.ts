import { afterEach, describe, expect, it } from 'vitest'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { groups, identityHeaders } from './identity-headers.ts'
import { judge, type Usual, usualOf } from './judge.ts'
import type { Place } from './outsider.ts'
import { corpusServices, type StartCorpusService } from './services.ts'
import { startWorld, untouched, type World } from './world.ts'

let world: World | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})

async function start(service: StartCorpusService, options: Partial<GuardOptions> = {}): Promise<World> {
  world = await startWorld(service, options)
  return world
}

/** Sends every case by nobody, and gives those that are not held. */
async function leaksByNobody(service: StartCorpusService, place: Place, options?: Partial<GuardOptions>) {
  const { byNobody } = await start(service, options)
  const usual: Usual = usualOf(await byNobody(untouched, place))
  const leaks: string[] = []
  for (const one of identityHeaders) {
    const wrong = judge(one, await byNobody(one, place), { expects: one.expects.anonymous, usual, who: /^anonymous$/ })
    if (wrong !== undefined) leaks.push(`${one.group}: ${one.title}: ${wrong}`)
  }
  return leaks.join('\n')
}

/** Adds every case to a call that was signed, and gives those that are not held. */
async function leaksSigned(service: StartCorpusService, place: Place, proof: 'session' | 'signature') {
  const { signed } = await start(service)
  const usual: Usual = usualOf(await signed(untouched, place, proof))
  const leaks: string[] = []
  const proofs = new Set<string>()
  for (const one of identityHeaders) {
    const outcome = await signed(one, place, proof)
    const wrong = judge(one, outcome, { expects: one.expects.signed, usual, who: /^spiffe:\/\/acme\.test\/orders$/ })
    if (wrong !== undefined) leaks.push(`${one.group}: ${one.title}: ${wrong}`)
    for (const { by } of outcome.seen) proofs.add(by)
  }
  expect([...proofs]).toEqual([proof])
  return leaks.join('\n')
}

/** The same while the guard only observes: whoever's proof was broken on the way goes on as nobody. */
async function leaksObserved(service: StartCorpusService, place: Place) {
  const { signed } = await start(service, { mode: 'observe' })
  const usual: Usual = usualOf(await signed(untouched, place, 'signature'))
  const leaks: string[] = []
  for (const one of identityHeaders) {
    const outcome = await signed(one, place, 'signature')
    const isNobody = outcome.seen[0]?.peer === 'anonymous'
    const usually = isNobody ? one.expects.anonymous : one.expects.signed
    // The handler ran for nobody: a caller whose proof was broken takes no answer to what it did not send.
    const expects = isNobody && usually === 'dropped' ? 'refused or dropped' : usually
    const who = isNobody ? /^anonymous$/ : /^spiffe:\/\/acme\.test\/orders$/
    const wrong = judge(one, outcome, { expects, usual, who })
    if (wrong !== undefined) leaks.push(`${one.group}: ${one.title}: ${wrong}`)
  }
  return leaks.join('\n')
}

describe('identity headers from outside', () => {
  it('are two hundred at least, and ten of each kind', () => {
    expect(identityHeaders.length).toBeGreaterThanOrEqual(200)
    const counts = groups.map((group) => identityHeaders.filter((one) => one.group === group).length)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(10)
    const titles = identityHeaders.map(({ group, title }) => `${group}: ${title}`)
    expect(new Set(titles).size).toBe(titles.length)
  })

  it('reach no Node handler from nobody', async () => {
    expect(await leaksByNobody(corpusServices.node, 'front')).toBe('')
  })

  it('reach no handler from nobody through a lenient parser', async () => {
    expect(await leaksByNobody(corpusServices.lenient, 'end')).toBe('')
  })

  it('reach no handler from nobody while the guard only observes', async () => {
    expect(await leaksByNobody(corpusServices.express, 'front', { mode: 'observe' })).toBe('')
  })

  it('reach no handler of a path that is exempt', async () => {
    const options = { exempt: ['/case'], policy: allowAuthenticated() }
    expect(await leaksByNobody(corpusServices.node, 'end', options)).toBe('')
  })

  it('reach no Express handler from nobody', async () => {
    expect(await leaksByNobody(corpusServices.express, 'end')).toBe('')
  })

  it('reach no Fetch handler from nobody', async () => {
    expect(await leaksByNobody(corpusServices.fetch, 'end')).toBe('')
  })

  it('reach no Node handler beside a signature', async () => {
    expect(await leaksSigned(corpusServices.node, 'front', 'signature')).toBe('')
  })

  it('reach no handler beside a signature, broken or not, while the guard only observes', async () => {
    expect(await leaksObserved(corpusServices.express, 'end')).toBe('')
  })

  it('reach no handler beside a signature through a lenient parser', async () => {
    expect(await leaksSigned(corpusServices.lenient, 'end', 'signature')).toBe('')
  })

  it('reach no Express handler beside the proof of a session', async () => {
    expect(await leaksSigned(corpusServices.express, 'end', 'session')).toBe('')
  })

  it('reach no Fetch handler beside a signature', async () => {
    expect(await leaksSigned(corpusServices.fetch, 'front', 'signature')).toBe('')
  })

  it('reach handlers where the caller covers them, and where the guard passes them', async () => {
    const one = { ...untouched, raw: ['X-Forwarded-For: 203.0.113.66', 'X-Real-IP: 203.0.113.66'] }
    const covering = { ...one, covered: { 'x-user-id': 'alice', x_user_email: 'alice@acme.test' } }
    const { byNobody, signed } = await start(corpusServices.express, { pass: ['x-forwarded-for'] })
    for (const { seen, upstream } of [await byNobody(one, 'end'), await signed(covering, 'end', 'signature')]) {
      expect(seen[0]?.names).toContain('x-forwarded-for')
      expect(seen[0]?.names).not.toContain('x-real-ip')
      expect(JSON.stringify(seen[0]?.all)).toContain('"ip":"203.0.113.66"')
      expect(JSON.stringify(upstream)).not.toContain('203.0.113.66')
    }
    const { seen } = await signed(covering, 'front', 'signature')
    expect(seen[0]?.names).toEqual(expect.arrayContaining(['x-user-id', 'x_user_email']))
  })
})
