import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:http2'
import { describe, expect, it } from 'vitest'
import { guard as guardFetch } from '../../src/adapters/fetch.ts'
import { judgeAgain } from '../../src/adapters/judge-again.ts'
import { guard as guardNode } from '../../src/adapters/node.ts'
import { Fields } from '../../src/core/message.ts'
import { admit } from '../../src/flow/admit.ts'
import type { Transport } from '../../src/flow/engine.ts'
import { checkGuardOptions, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../src/flow/workload.ts'
import type { Authenticator } from '../../src/peer/authenticator.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { platform } from '../../src/platform/node.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { type TestDomain, testDomain } from '../../src/testing/test-domain.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { createWire, fieldAt, type OnTheWire, type Wire } from './wire.ts'

const LEDGER = 'https://ledger.test'
const post = { method: 'POST', body: '{"card":"4929"}' }
const sealedOnly = definePolicy({
  version: 1,
  rules: [{ id: 'sealed', effect: 'allow', from: ['spiffe://acme.test/*'], to: ['* /*'], when: { sealed: true } }],
})

/** What is forwarded, and everything that lay open on the wire. */
function tap(domain: TestDomain, before: (url: string) => void = () => undefined) {
  const urls: string[] = []
  const bodies: string[] = []
  const transport: Transport = async (url, init) => {
    urls.push(url)
    before(url)
    const request = new Request(url, init)
    bodies.push(await request.clone().text())
    return domain.deliver(request)
  }
  return { urls, bodies, transport }
}

function admitOn(wire: Wire, message: OnTheWire) {
  return admit(wire.guard, {
    request: { method: message.method, target: message.target, fields: new Fields(message.raw) },
    mountPath: '',
    announcesBody: message.body.length > 0,
    readBody: () => message.body,
  })
}

describe('redirects', () => {
  it('a client follows no redirect to an origin that is not its peer’s', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    const moved = () => new Response(null, { status: 307, headers: { location: 'http://evil.test/there' } })
    domain.serve(ledger, LEDGER, moved)
    const { urls, transport } = tap(domain)
    const orders = await domain.workload('orders', { transport })
    const client = orders.client({ peer: ledger.id, baseUrl: LEDGER })
    const asked = client('/here', { redirect: 'follow', headers: { authorization: 'Bearer secret' } })
    await expect(asked).rejects.toMatchObject({ code: 'redirect-refused' })
    expect(urls.filter((url) => url.startsWith('http://evil.test'))).toEqual([])
  })

  it('observing follows no redirect that nobody has proven', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    const urls: string[] = []
    const orders = await domain.workload('orders', {
      mode: 'observe',
      sessions: false,
      peers: { [LEDGER]: ledger.id },
      async transport(url) {
        urls.push(url)
        return new Response(null, { status: 307, headers: { location: '/elsewhere' } })
      },
    })
    await orders.fetch(`${LEDGER}/here`, { redirect: 'follow' }).catch(() => undefined)
    expect(urls).toEqual([`${LEDGER}/here`])
  })
})

describe('redirects, again', () => {
  it('no redirect leads from https to http', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    domain.serve(ledger, 'http://ledger.test', () => new Response('in the open'))
    const moved = () => new Response(null, { status: 307, headers: { location: 'http://ledger.test/there' } })
    domain.serve(ledger, LEDGER, moved)
    const { urls, transport } = tap(domain)
    const orders = await domain.workload('orders', { sessions: false, transport })
    const init = { redirect: 'follow' as const, headers: { authorization: 'Bearer secret' } }
    await expect(orders.fetch(`${LEDGER}/here`, init)).rejects.toMatchObject({ code: 'redirect-refused' })
    expect(urls).toEqual([`${LEDGER}/here`])
  })
})

describe('discovery', () => {
  it('a caller whose clock is wrong sends no plain body to a peer that asks for sealing', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'), { policy: sealedOnly })
    const { bodies, transport } = tap(domain)
    const clock = createFakeClock(domain.clock.now() - 200_000)
    const orders = await domain.workload('orders', { clock, transport })
    await orders.fetch(`${LEDGER}/a`, post)
    expect(bodies.join()).not.toContain('4929')
  })

  it('a discovery that was refused is asked again after five seconds, not five minutes', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    domain.serve(ledger, LEDGER, () => new Response('ok'), { policy: sealedOnly })
    const orders = await domain.workload('orders', {
      async transport(url, init) {
        // Whoever holds the wire delivers the question twice, and hands over the second answer: "replayed", signed.
        if (url.includes('well-known')) await domain.deliver(new Request(url, init))
        return domain.deliver(new Request(url, init))
      },
    })
    await orders.fetch(`${LEDGER}/a`, post)
    const { discoverAfterMs } = engineOf(orders).peers.of(ledger.id)
    expect(discoverAfterMs - platform.monotonicMs()).toBeLessThanOrEqual(5_000)
  })

  it('an abort and a timeout end a call that waits for a discovery that hangs', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    let begun: () => void = () => undefined
    const hanging = new Promise<void>((resolve) => {
      begun = resolve
    })
    const orders = await domain.workload('orders', {
      peers: { [LEDGER]: ledger.id },
      transport(_url, init) {
        begun()
        return new Promise((_resolve, reject) =>
          init.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
        )
      },
    })
    // The first caller waits for ever: nobody else has to.
    const controller = new AbortController()
    const reason = new Error('the user left')
    const first = orders.fetch(`${LEDGER}/a`, { ...post, signal: controller.signal }).catch((error: unknown) => error)
    await hanging
    const second = orders.fetch(`${LEDGER}/a`, { ...post, countersign: { timeoutMs: 5 } }).catch((error) => error.code)
    const late = new Promise((resolve) => setTimeout(() => resolve('still waiting'), 250))
    controller.abort(reason)
    expect(await Promise.race([second, late])).toBe('timed-out')
    expect(await Promise.race([first, late])).toBe(reason)
  })
})

describe('observing', () => {
  it('a body that is not the one that was signed has no proven sender', async () => {
    const wire = await createWire({ mode: 'observe', policy: { decide: () => ({ effect: 'allow' }) } })
    const honest = await wire.capture({ method: 'POST', body: '{"amount":1}' })
    const forged = await admitOn(wire, { ...honest, body: new TextEncoder().encode('{"amount":9}') })
    expect(forged).toMatchObject({ kind: 'admitted', call: { peer: { id: 'anonymous' } } })
    const bare = await wire.capture({ method: 'POST' })
    const added = await admitOn(wire, { ...bare, body: new TextEncoder().encode('{"amount":9}') })
    expect(added).toMatchObject({ kind: 'admitted', call: { peer: { id: 'anonymous' } } })
  })

  it('an answer that nobody has proven is not called sealed', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    const headers = { 'content-envelope': 'sve1;ct=""', 'content-type': 'application/vnd.countersign.sve1' }
    const orders = await domain.workload('orders', {
      mode: 'observe',
      peers: { [LEDGER]: ledger.id },
      transport: async () => new Response('in the open', { headers }),
    })
    expect(answerOf(await orders.fetch(`${LEDGER}/a`)).sealed).toBe(false)
  })
})

describe('sealing', () => {
  it('a plain body does not count as sealed because its sender asks for a sealed answer', async () => {
    const wire = await createWire()
    // What a careless or hostile caller of another make can sign: our own never asks this way with a body.
    const inner = engineOf(wire.orders)
    const { resolve } = await import('../../src/flow/outbound/resolve.ts')
    const { sign } = await import('../../src/flow/outbound/sign.ts')
    const destination = { peerAt: () => wire.ledger.id, baseUrl: undefined, basePath: '' }
    const resolved = await resolve(destination, { input: `${LEDGER}/a`, init: post, options: {} })
    const signed = await sign(inner, {
      ...resolved,
      name: 'AAAAAAAAAAAAAAAAAAAAAA',
      created: Math.floor(inner.clock.now() / 1000),
      expires: Math.floor(inner.clock.now() / 1000) + 60,
      clockOffsetSeconds: 0,
      session: undefined,
      line: undefined,
      sealed: false,
      wantsSealed: true,
      bytes: resolved.body,
      sealedFields: { 'accept-envelope': 'sve1' },
    })
    const message = { method: 'POST', target: '/a', raw: signed.request.fields.raw, body: resolved.body as never }
    const admission = await admitOn(wire, message)
    if (admission.kind !== 'admitted') throw admission.error
    expect(admission.call.sealed).toBe(false)
    const second = guardSettings(engineOf(wire.ledger), checkGuardOptions({ policy: sealedOnly }))
    expect(await judgeAgain(second, admission.call, { method: 'POST', target: '/a' })).toMatchObject({ status: 415 })
  })

  it('a second guard that demands sealing refuses a plain body', async () => {
    const wire = await createWire()
    const admission = await admitOn(wire, await wire.capture(post, '/a'))
    if (admission.kind !== 'admitted') throw admission.error
    const options = checkGuardOptions({ policy: allowAuthenticated(), seal: 'required' })
    const second = guardSettings(engineOf(wire.ledger), options)
    expect(await judgeAgain(second, admission.call, { method: 'POST', target: '/a' })).toMatchObject({ status: 415 })
  })

  it('a second guard that observes holds sealing', async () => {
    const wire = await createWire()
    const admission = await admitOn(wire, await wire.capture(post, '/a'))
    if (admission.kind !== 'admitted') throw admission.error
    const request = { method: 'POST', target: '/a' }
    const policies = [{ policy: allowAuthenticated(), seal: 'required' as const }, { policy: sealedOnly }]
    for (const options of policies) {
      const second = guardSettings(engineOf(wire.ledger), checkGuardOptions({ ...options, mode: 'observe' }))
      expect(await judgeAgain(second, admission.call, request)).toMatchObject({ status: 415 })
    }
  })

  it('an option that is given as undefined loosens nothing', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    domain.serve(ledger, LEDGER, () => new Response('ok'))
    const { bodies, transport } = tap(domain)
    const orders = await domain.workload('orders', { transport })
    const client = orders.client({ peer: ledger.id, baseUrl: LEDGER, seal: 'always' })
    // What a wrapper that hands its own options through writes in JavaScript.
    const countersign = { seal: undefined } as unknown as { seal: 'always' }
    await client('/a', { ...post, countersign })
    expect(bodies.join()).not.toContain('4929')
  })

  it('an exempt path answers sealed who proves himself and asks for it', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'http://ledger.test', () => new Response('well'), {
      exempt: ['/healthz'],
    })
    const orders = await domain.workload('orders')
    const answer = await orders.fetch('http://ledger.test/healthz')
    expect(await answer.text()).toBe('well')
    expect(answerOf(answer).sealed).toBe(true)
  })
})

it('an answer that was held back on its way does not make the next call fail', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
  const orders = await domain.workload('orders', {
    async transport(url, init) {
      const answer = await domain.deliver(new Request(url, init))
      if (url.endsWith('/slow')) domain.clock.advance(120)
      return answer
    },
  })
  expect((await orders.fetch(`${LEDGER}/slow`)).status).toBe(200)
  expect((await orders.fetch(`${LEDGER}/a`, { ...post, countersign: { seal: 'never' } })).status).toBe(200)
})

describe('authenticators of your own', () => {
  it('an authenticator of your own that goes by the name of a proof is refused', () => {
    for (const name of ['signature', 'session', 'proof-token', 'certificate', 'none', '']) {
      const liar: Authenticator = { name, authenticate: () => ({ id: 'user:1' }) }
      const check = () => checkGuardOptions({ policy: allowAuthenticated(), accept: [liar] })
      expect(check, name).toThrow(expect.objectContaining({ code: 'option-invalid' }))
    }
  })

  it('none establishes a caller without a name', async () => {
    const careless: Authenticator = { name: 'careless', authenticate: () => ({ id: '' }) }
    const wire = await createWire({ accept: [careless] })
    expect(await wire.deliver(await wire.capture())).toMatchObject({ ran: false, code: 'proof-invalid' })
  })
})

it('a refusal of the head behind an ingress that cuts a prefix is bound to the request as it was signed', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, LEDGER, () => new Response('ok'), { strippedPrefix: '/api' })
  const orders = await domain.workload('orders', {
    peers: { [LEDGER]: ledger.id },
    transport: (url, init) => domain.deliver(new Request(url.replace('/api', ''), init)),
  })
  expect((await orders.fetch(`${LEDGER}/api/a`)).status).toBe(200)
  expect((await orders.fetch(`${LEDGER}/api/a`, { headers: { upgrade: 'h2c' } })).status).toBe(400)
})

it('a body that HTTP/2 does not announce reaches no handler unproven', async () => {
  const wire = await createWire()
  const { method, target, raw } = await wire.capture({ method: 'GET' })
  const handled: string[] = []
  const listener = guardNode(wire.ledger, { policy: allowAuthenticated() }, async (req, res) => {
    let text = ''
    for await (const chunk of req) text += String(chunk)
    handled.push(text)
    res.end('ok')
  })
  const server = createServer((req, res) => listener(req as never, res as never))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { connect } = await import('node:http2')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const session = connect(`http://127.0.0.1:${address.port}`)
  const headers: Record<string, string> = { ':method': method, ':path': target }
  for (let i = 0; i + 1 < raw.length; i += 2) headers[raw[i] as string] = raw[i + 1] as string
  const stream = session.request(headers, { endStream: false })
  stream.on('error', () => undefined)
  stream.end('{"amount":9}')
  stream.resume()
  await new Promise<void>((resolve) => stream.once('close', resolve))
  session.destroy()
  server.close()
  expect(handled.join()).not.toContain('amount')
})

it('a field by the name of a member of every object is kept like any other', () => {
  const fields = new Fields(['constructor', 'a', '__proto__', 'b']).with({ x: '1' })
  expect([fields.get('constructor'), fields.get('__proto__'), fields.get('x')]).toEqual(['a', 'b', '1'])
})

it('a length that the application counted does not travel with other bytes', async () => {
  const wire = await createWire()
  const body = new Blob(['{"card":"4929"}']).stream()
  const init = { method: 'POST', body, headers: { 'content-length': '15' }, duplex: 'half' } as RequestInit
  const message = await wire.capture({ ...init, countersign: { seal: 'always' } })
  expect(fieldAt(message, 'content-envelope')).toContain('cmt=')
  expect(fieldAt(message, 'content-length')).toBe('')
})

it('an audience that no proof can name is refused where it is given', async () => {
  const domain = await testDomain('acme.test')
  for (const audience of [
    'https://LEDGER.test',
    'https://ledger.test:443',
    'https://ledger.test/a/../b',
    'https://ledger.test/?a',
  ]) {
    const made = domain.workload('ledger', { audiences: [audience] })
    await expect(made, audience).rejects.toMatchObject({ code: 'option-invalid' })
  }
})

it('what a second guard denies is written down as denied', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const nobody = definePolicy({ version: 1, rules: [] })
  const second = guardNode(ledger, { policy: nobody }, (_req, res) => res.end('ran'))
  const server = createHttpServer(guardNode(ledger, { policy: allowAuthenticated() }, second))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const origin = `http://127.0.0.1:${address.port}`
  const options = { sessions: false as const, peers: { [origin]: ledger.id }, transport: fetch }
  const orders = await domain.workload('orders', options)
  domain.sink.clear()
  expect((await orders.fetch(`${origin}/a`)).status).toBe(403)
  server.closeAllConnections()
  server.close()
  await ledger.audit.flush()
  const events = domain.sink.events.filter(({ side }) => side === 'callee')
  expect(events).toMatchObject([{ status: 403, effect: 'deny', code: 'policy-denied' }])
})

it('an answer of a status that no response can have is refused', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const orders = await domain.workload('orders', {
    mode: 'observe',
    peers: { [LEDGER]: ledger.id },
    // What the fetch of Node resolves with for a status line of 999.
    transport: async () => Object.defineProperty(new Response(null), 'status', { value: 999 }),
  })
  await expect(orders.fetch(`${LEDGER}/a`)).rejects.toMatchObject({ name: 'CountersignError' })
})

it('calls at once learn the clock of a peer as one call does', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, LEDGER, () => new Response('ok'))
  const clock = createFakeClock(domain.clock.now() + 200_000)
  const orders = await domain.workload('orders', { clock, sessions: false })
  const init = { ...post, countersign: { seal: 'never' as const } }
  const first = await Promise.all(Array.from({ length: 4 }, () => orders.fetch(`${LEDGER}/a`, init)))
  expect(first.map(({ status }) => status)).toEqual([400, 400, 400, 400])
  expect(engineOf(orders).peers.of(ledger.id).clockOffsetSeconds).toBe(-200)
  expect((await orders.fetch(`${LEDGER}/a`, init)).status).toBe(200)
})

it('the handshake of calls at once learns the clock of the peer for all of them', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, LEDGER, () => new Response('ok'))
  const { urls, transport } = tap(domain)
  const orders = await domain.workload('orders', { clock: createFakeClock(domain.clock.now() + 200_000), transport })
  const answers = await Promise.all(Array.from({ length: 4 }, () => orders.fetch(`${LEDGER}/a`, post)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(engineOf(orders).peers.of(ledger.id).clockOffsetSeconds).toBe(-200)
  const handshake = `${LEDGER}/.well-known/countersign/session`
  expect(urls).toEqual([handshake, handshake, ...Array.from({ length: 4 }, () => `${LEDGER}/a`)])
})

it('an answer is not signed for a proof that nobody has verified, whoever else was believed', async () => {
  const byKey: Authenticator = {
    name: 'own-key',
    authenticate: ({ header }) => (header('x-api-key') === undefined ? undefined : { id: 'user:mallory' }),
  }
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const handler = async (request: Request) => new Response(`took ${await request.text()}`)
  domain.serve(ledger, LEDGER, handler, { accept: [byKey, workloadProof()] })
  const orders = await domain.workload('orders', {
    peers: { [LEDGER]: ledger.id },
    // Whoever holds the wire adds a key of his own, and other bytes.
    transport(url, init) {
      const request = new Request(url, { ...init, body: 'something else' })
      request.headers.set('x-api-key', 'mallory')
      return domain.deliver(request)
    },
  })
  const asked = orders.fetch(`${LEDGER}/a`, { ...post, countersign: { seal: 'never' } })
  await expect(asked).rejects.toMatchObject({ code: 'answer-unsigned' })
})

it('what a handler makes of the refusal of a second guard leaves sealed like any answer', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const inner = guardFetch(ledger, { policy: definePolicy({ version: 1, rules: [] }) }, () => new Response('unused'))
  const outer = async (request: Request) => {
    const answer = await inner(request)
    return answer.status === 403 ? new Response('{"card":"4929"}') : answer
  }
  domain.serve(ledger, LEDGER, outer)
  const answers: string[] = []
  const orders = await domain.workload('orders', {
    async transport(url, init) {
      const answer = await domain.deliver(new Request(url, init))
      answers.push(await answer.clone().text())
      return answer
    },
  })
  const init = { method: 'POST', body: 'x', countersign: { seal: 'always' as const } }
  await orders.fetch(`${LEDGER}/a`, init).catch(() => undefined)
  expect(answers.join()).not.toContain('4929')
})

it('a timeout that no timer can wait for is refused where it is given', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
  const orders = await domain.workload('orders')
  // Beyond 2^31 - 1 a timer fires at once.
  const asked = orders.fetch(`${LEDGER}/a`, { countersign: { timeoutMs: 2 ** 31 } })
  await expect(asked).rejects.toMatchObject({ code: 'option-invalid' })
})

it('an answer that is none of the redirects of fetch is returned, whatever its location says', async () => {
  const domain = await testDomain('acme.test')
  let status = 304
  const handler = () => new Response(null, { status, headers: { location: '/b' } })
  domain.serve(await domain.workload('ledger'), LEDGER, handler)
  const orders = await domain.workload('orders')
  for (status of [300, 304, 305]) {
    for (const redirect of ['error', 'follow'] as const) {
      expect((await orders.fetch(`${LEDGER}/a`, { redirect })).status).toBe(status)
    }
  }
})
