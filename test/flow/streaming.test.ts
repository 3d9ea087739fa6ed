import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { Fields } from '../../src/core/message.ts'
import { answerContext, requestContext } from '../../src/envelope/http-context.ts'
import { recipient } from '../../src/envelope/recipients.ts'
import { seal } from '../../src/envelope/seal.ts'
import { admit } from '../../src/flow/admit.ts'
import { answerStreamed, canStream } from '../../src/flow/answer-stream.ts'
import { streamOf } from '../../src/flow/byte-source.ts'
import { SESSION_PATH } from '../../src/flow/discovery-path.ts'
import type { ExchangeRequest } from '../../src/flow/engine.ts'
import { sealedFields } from '../../src/flow/envelope-field.ts'
import { orAborted } from '../../src/flow/outbound/deadline.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { type TestDomain, testDomain } from '../../src/testing/test-domain.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { createTap, keyidOf, nameOf, settle } from '../refusals/session-wire.ts'
import { createWire, fieldAt, LEDGER, type OnTheWire, withField, withoutField } from '../refusals/wire.ts'

afterEach(() => vi.restoreAllMocks())

const POST = { method: 'POST' } as const
const auto = { seal: 'auto' } as const

function bodyOf(...parts: readonly (string | Error)[]): ReadableStream<Uint8Array> {
  const left = [...parts]
  return streamOf({
    async read() {
      const next = left.shift()
      if (next instanceof Error) throw next
      return next === undefined ? undefined : utf8(next)
    },
    cancel: async () => undefined,
  })
}

/** A transport that has read all of a request before it is delivered, and ends with its signal: as over a socket. */
const gathering = (domain: TestDomain) => async (url: string, init: RequestInit) => {
  const bytes = await orAborted(new Response(init.body ?? null).arrayBuffer(), init.signal ?? undefined)
  return domain.deliver(new Request(url, { ...init, body: bytes.byteLength === 0 ? null : bytes }))
}

describe('a request that streams', () => {
  it('names its envelope and has no digest; the same without its head is another call', async () => {
    const wire = await createWire()
    const message = await wire.capture({ ...POST, body: bodyOf('abc'), countersign: auto })
    expect(fieldAt(message, 'signature-input')).toContain('tag="countersign-stream"')
    expect(fieldAt(message, 'content-envelope')).toMatch(/^sve1;ct="";salt=:[^:]{32}:;cmt=:[^:]{44}:$/)
    expect(fieldAt(message, 'content-digest')).toBe('')
    const bare = withField(message, 'content-envelope', 'sve1;ct=""')
    expect(await wire.deliver(bare)).toMatchObject({ ran: false, code: 'envelope-malformed', bodyWasRead: false })
    expect(await wire.deliver(withoutField(message, 'content-envelope'))).toMatchObject({ ran: false })
    const tagged = withField(
      message,
      'signature-input',
      fieldAt(message, 'signature-input').replace('countersign-stream', 'wimse-workload-to-workload'),
    )
    expect(await wire.deliver(tagged)).toMatchObject({ ran: false, code: 'envelope-malformed' })
    expect(await wire.deliver(message)).toMatchObject({ ran: true, status: 200, signed: true })
    expect(await wire.deliver(message)).toMatchObject({ ran: false, code: 'proof-replayed' })
  })

  it('is refused where its body is that of another, for whoever reads it as a whole, too', async () => {
    const wire = await createWire({ json: true })
    const json = { 'content-type': 'application/json' }
    const make = () => wire.capture({ ...POST, body: bodyOf('{"a":1}'), headers: json, countersign: auto })
    const [one, other] = [await make(), await make()]
    expect(await wire.deliver({ ...one, body: other.body })).toMatchObject({ ran: false, code: 'unopened' })
    expect(await wire.deliver(other)).toMatchObject({ ran: true })
  })

  it('is refused with a body that somebody else has sealed to the same reader for the same call', async () => {
    const wire = await createWire({ json: true })
    const headers = { 'content-type': 'application/json' }
    const message = await wire.capture({ ...POST, body: bodyOf('{"amount":1}'), headers, countersign: auto })
    const jwk = engineOf(wire.orders).peers.of(wire.ledger.id).sealKey?.jwk
    if (jwk === undefined) throw new Error('no key')
    const context = requestContext({
      method: 'POST',
      target: message.target,
      sender: wire.orders.id,
      receiver: wire.ledger.id,
      contentType: 'application/json',
      callName: nameOf(message),
    })
    const forged = await seal(utf8('{"amount":1000000}'), {
      to: recipient({ ...jwk, kid: await thumbprint(jwk) }),
      context,
    })
    expect(await wire.deliver({ ...message, body: forged })).toMatchObject({ ran: false, code: 'unopened' })
    const again = await wire.capture({ ...POST, body: bodyOf('{"amount":1}'), headers, countersign: auto })
    expect(await wire.deliver(again)).toMatchObject({ ran: true })
  })

  it('opens no session', async () => {
    const tap = await createTap()
    await tap.call()
    const answer = await tap.orders.fetch(LEDGER + SESSION_PATH, {
      ...POST,
      body: bodyOf('{}'),
      countersign: { proof: 'signature' },
    })
    expect(answer.status).toBe(400)
    await tap.ledger.audit.flush()
    expect(tap.domain.sink.events.some(({ code }) => code === 'session-malformed')).toBe(true)
  })

  it('is sent as a whole where it was given as a whole, or says never', async () => {
    const wire = await createWire()
    for (const body of ['text', new Blob(['text']), new URLSearchParams('a=b'), new FormData()]) {
      const message = await wire.capture({ ...POST, body, countersign: auto })
      expect(fieldAt(message, 'content-digest')).not.toBe('')
    }
    const plain = await wire.capture({ ...POST, body: bodyOf('abc'), countersign: { seal: 'never' } })
    expect([fieldAt(plain, 'content-envelope'), Buffer.from(plain.body).toString()]).toEqual(['', 'abc'])
    const long = await wire.capture({ ...POST, body: new Blob(['x'.repeat(1_048_577)]), countersign: auto })
    expect(fieldAt(long, 'signature-input')).toContain('countersign-stream')
  })

  it('may be anything that gives bytes when it is iterated, and is let go of where nobody wants it', async () => {
    const wire = await createWire()
    let isClosed = false
    const body = (count: number) =>
      (async function* () {
        try {
          for (let i = 0; i < count; i++) yield utf8('ab')
        } finally {
          isClosed = true
        }
      })()
    const message = await wire.capture({ ...POST, body: body(3), countersign: { seal: 'never' } })
    expect(Buffer.from(message.body).toString()).toBe('ababab')
    isClosed = false
    const orders = await wire.domain.workload('orders', {
      transport: () => Promise.reject(new Error('down')),
      sessions: false,
    })
    const endless = orders.client({ peer: wire.ledger.id })(LEDGER, { ...POST, body: body(1e9) })
    await expect(endless).rejects.toMatchObject({ code: 'peer-cannot-open' })
    await settle()
    expect(isClosed).toBe(true)
  })

  it('a stream that cannot be sealed and is too long to be sent as a whole is refused', async () => {
    const domain = await testDomain('acme.test')
    const keys = (await domain.credentials()).keys.filter(({ use }) => use !== 'enc')
    const credentials = selfIssued({ keys })
    const seen: number[] = []
    domain.serve(await domain.workload('ledger', { credentials, sessions: false }), LEDGER, async (request) => {
      seen.push((await request.arrayBuffer()).byteLength)
      return new Response('ok')
    })
    const orders = await domain.workload('orders', { sessions: false })
    const send = (size: number, seal: 'auto' | 'never' = 'auto') =>
      orders.fetch(LEDGER, { ...POST, body: bodyOf('x'.repeat(size)), countersign: { seal } })
    expect((await send(1_048_576)).status).toBe(200)
    await expect(send(1_048_577)).rejects.toMatchObject({ code: 'peer-cannot-open', outcome: 'not-run' })
    await expect(send(1_048_577, 'never')).rejects.toMatchObject({ code: 'body-too-large' })
    expect(seen).toEqual([1_048_576])
  })

  it('a body that can be read once is not sent a second time', async () => {
    const tap = await createTap()
    await tap.call()
    tap.sent.length = 0
    engineOf(tap.ledger).sessions?.table.end(() => true)
    const answer = await tap.orders.fetch(LEDGER, { ...POST, body: bodyOf('abc') })
    expect([answer.status, tap.sent.length]).toEqual([400, 1])
    const whole = await tap.orders.fetch(LEDGER, { ...POST, body: 'abc' })
    expect(whole.status).toBe(200)
  })

  it('a body that can be read once is not sent under a session that was silent for a minute', async () => {
    const start = performance.now()
    const mock = vi.spyOn(performance, 'now').mockReturnValue(start)
    const tap = await createTap()
    const first = await tap.session()
    const keyOf = async (body: BodyInit) => {
      expect((await tap.orders.fetch(LEDGER, { ...POST, body })).status).toBe(200)
      return keyidOf(tap.sent.at(-1) as OnTheWire)
    }
    mock.mockReturnValue(start + 60_000)
    expect(await keyOf(bodyOf('a'))).toBe(first.id)
    mock.mockReturnValue(start + 120_001)
    expect(await keyOf('a')).toBe(first.id)
    mock.mockReturnValue(start + 180_002)
    const renewed = await keyOf(bodyOf('a'))
    expect([renewed === undefined, renewed === first.id, tap.handshakes.length]).toEqual([false, false, 2])
    mock.mockReturnValue(start + 250_000)
    tap.betweenHandshake = () => Promise.reject(new Error('lost'))
    expect(await keyOf(bodyOf('a'))).toBeUndefined()
    // After a failed handshake nobody asks for five minutes, and what is stale stays unused.
    expect(await keyOf(bodyOf('a'))).toBeUndefined()
    expect(await keyOf('a')).toBe(renewed)
  })

  it('a body that gives something else than bytes is refused where it does', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), LEDGER, async (request) => new Response(await request.text()))
    const orders = await domain.workload('orders', { transport: gathering(domain) })
    const texts = (async function* () {
      yield 'text' as unknown as Uint8Array
    })()
    const refused = { code: 'option-invalid', detail: { option: 'body' } }
    await expect(orders.fetch(LEDGER, { ...POST, body: texts })).rejects.toMatchObject(refused)
    const broken = orders.fetch(LEDGER, { ...POST, body: bodyOf('a', new Error('the disk is gone')) })
    await expect(broken).rejects.toMatchObject({ code: 'transport-failed', cause: { message: 'the disk is gone' } })
  })

  it('does not end the process where a stream of Node fails before it is read, and destroys it where the call is refused', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
    const orders = await domain.workload('orders', { transport: gathering(domain) })
    const missing = createReadStream('/nowhere/at/all')
    await expect(orders.fetch(LEDGER, { ...POST, body: missing })).rejects.toMatchObject({ cause: { code: 'ENOENT' } })
    const silent = () => new Readable({ read: () => undefined })
    for (const [url, init] of [
      ['https://unknown.test', {}],
      [LEDGER, { headers: { signature: 'x' } }],
      [LEDGER, { signal: AbortSignal.abort(new Error('gone')) }],
    ] as const) {
      const body = silent()
      await expect(orders.fetch(url, { ...POST, ...init, body })).rejects.toThrow()
      await settle()
      expect(body.destroyed).toBe(true)
    }
    const controller = new AbortController()
    const body = silent()
    const call = orders.fetch(LEDGER, { ...POST, body, signal: controller.signal })
    setTimeout(() => controller.abort(new Error('gone')), 50)
    await expect(call).rejects.toThrow('gone')
    await settle()
    expect(body.destroyed).toBe(true)
  })

  it('lets go of its body where the call fails before it is read', async () => {
    const domain = await testDomain('acme.test')
    const cancelled: unknown[] = []
    const body = () => streamOf({ read: async () => utf8('x'), cancel: async (reason) => void cancelled.push(reason) })
    domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
    const orders = await domain.workload('orders', { transport: () => Promise.reject(new Error('down')) })
    await expect(orders.fetch(LEDGER, { ...POST, body: body() })).rejects.toMatchObject({ code: 'peer-cannot-open' })
    await settle()
    expect(cancelled).toHaveLength(1)
  })
})

describe('an answer that streams', () => {
  async function served(answer: () => Response, change: (response: Response) => Response = (response) => response) {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    domain.serve(ledger, LEDGER, answer, { maxBodyBytes: 10 })
    const transport = async (url: string, init: RequestInit) => change(await domain.deliver(new Request(url, init)))
    const orders = await domain.workload('orders', { transport, sessions: false })
    return { domain, ledger, orders }
  }
  const long = () => new Response('x'.repeat(100), { headers: { 'content-type': 'text/plain' } })

  it('is given as it was written, under its own media type', async () => {
    const { orders } = await served(long)
    const answer = await orders.fetch(LEDGER)
    expect([answer.status, answer.headers.get('content-type'), answerOf(answer).sealed]).toEqual([
      200,
      'text/plain',
      true,
    ])
    expect([answer.headers.get('content-envelope'), answer.url]).toEqual([null, `${LEDGER}/`])
    expect(await answer.text()).toBe('x'.repeat(100))
  })

  it('keeps to the limit that a call sets, and to none otherwise', async () => {
    const { orders } = await served(long)
    const answer = await orders.fetch(LEDGER, { countersign: { maxAnswerBytes: 99 } })
    await expect(answer.text()).rejects.toMatchObject({ code: 'answer-too-large' })
  })

  it('ends when the time of the call is over', async () => {
    let forever = new AbortController()
    const endless = () => {
      forever = new AbortController()
      const body = new ReadableStream({ start: (controller) => controller.enqueue(utf8('data: 1\n\n')) })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), LEDGER, endless)
    const transport = async (url: string, { signal, ...init }: RequestInit) => {
      const response = await domain.deliver(new Request(url, init))
      const reader = response.body?.getReader()
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => signal?.addEventListener('abort', () => controller.error(signal.reason)),
        async pull(controller) {
          const piece = await reader?.read()
          if (piece?.value === undefined) controller.close()
          else controller.enqueue(piece.value)
        },
      })
      return new Response(body, response)
    }
    const orders = await domain.workload('orders', { transport })
    const answer = await orders.fetch(LEDGER, { countersign: { timeoutMs: 200 } })
    await expect(answer.text()).rejects.toMatchObject({ code: 'timed-out' })
    forever.abort()
  })

  it('is refused where its head does not say what its proof says', async () => {
    const without = (name: string, value: string | undefined) => (response: Response) => {
      const headers = new Headers(response.headers)
      if (value === undefined) headers.delete(name)
      else headers.set(name, value)
      return new Response(response.body, { status: response.status, headers })
    }
    const changes: [string, string | undefined, string][] = [
      ['content-envelope', undefined, 'answer-malformed'],
      ['content-envelope', 'sve1;ct="text/plain"', 'answer-invalid'],
      ['content-digest', 'sha-256=:AAAA:', 'answer-unbound'],
    ]
    for (const [name, value] of changes) {
      const { orders } = await served(long, without(name, value))
      await expect(orders.fetch(LEDGER), name).rejects.toMatchObject({ kind: 'upstream' })
    }
  })

  it('passes as it came while observing, where nothing of it is proven', async () => {
    const { orders } = await served(long, (response) => {
      const headers = new Headers(response.headers)
      headers.delete('signature')
      return new Response(response.body, { status: response.status, headers })
    })
    const answer = await orders.fetch(LEDGER, { countersign: { mode: 'observe' } })
    expect(answerOf(answer).sealed).toBe(false)
    expect(
      Buffer.from(await answer.arrayBuffer())
        .subarray(0, 4)
        .toString('latin1'),
    ).toBe('SVE1')
  })

  it('an answer is not begun as a stream for a caller who has proven nothing', async () => {
    const wire = await createWire()
    const { method, target, raw, body } = await wire.capture()
    const arrival = {
      request: { method, target, fields: new Fields(raw) },
      mountPath: '',
      announcesBody: false,
      readBody: () => body,
    }
    const admission = await admit(wire.guard, arrival)
    if (admission.kind !== 'admitted') throw admission.error
    const { stage } = admission
    const given = { status: 200, fields: new Fields([]) }
    expect(canStream(wire.guard, stage)).toBe(true)
    expect((await answerStreamed(wire.guard, stage, given)).head.fields.has('signature')).toBe(true)
    for (const lacking of [{ token: undefined }, { proof: undefined }]) {
      const nobody = { ...stage, ...lacking }
      expect(canStream(wire.guard, nobody)).toBe(false)
      expect(() => answerStreamed(wire.guard, nobody, given)).toThrow(
        expect.objectContaining({ code: 'answer-unsignable' }),
      )
    }
    expect(canStream(wire.guard, { ...stage, request: { ...stage.request, method: 'HEAD' } })).toBe(false)
  })

  it('an answer that comes as a stream and does not name its envelope is refused', async () => {
    // Where its media type looks like the head of a stream, a whole answer must not pass for one.
    const headers = { 'content-type': 'text/plain;cmt=:' }
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    const handler = () => new Response('{"balance":1}', { headers })
    domain.serve(ledger, LEDGER, handler)
    let forged = new Uint8Array(0)
    const exchange = async ({ origin, target, method, fields, body }: ExchangeRequest) => {
      const given: [string, string][] = []
      for (let at = 0; at < fields.length; at += 2) given.push([`${fields[at]}`, `${fields[at + 1]}`])
      const sent = body instanceof ReadableStream ? null : (body ?? null)
      const response = await domain.deliver(new Request(origin + target, { method, headers: given, body: sent }))
      forged = new Uint8Array(await response.arrayBuffer())
      return { status: response.status, fields: [...response.headers].flat(), body: new Blob([forged]).stream() }
    }
    const transport = Object.assign(() => Promise.reject(new Error('unused')), { exchange })
    const orders = await domain.workload('orders', { transport, sessions: false })
    const call = orders.fetch(LEDGER, { countersign: { seal: 'always' } })
    await expect(call).rejects.toMatchObject({ code: 'answer-invalid', detail: { step: 'stream' } })
    const whole = await domain.workload('orders', { sessions: false })
    const answer = await whole.fetch(LEDGER, { countersign: { seal: 'always' } })
    expect(await answer.text()).toBe('{"balance":1}')
  })

  it('is refused with the body of another answer, its envelope sealed to the same reader for the same call', async () => {
    const domain = await testDomain('acme.test')
    const { keys } = await domain.credentials()
    const ledger = await domain.workload('ledger')
    domain.serve(ledger, LEDGER, long, { maxBodyBytes: 10 })
    const mine = keys.find(({ use }) => use === 'enc')
    if (mine === undefined) throw new Error('no key')
    const transport = async (url: string, init: RequestInit) => {
      const request = new Request(url, init)
      const response = await domain.deliver(request)
      const nonce = /nonce="([^"]+)"/.exec(request.headers.get('signature-input') ?? '')?.[1] ?? ''
      // All of it is public: whoever holds the wire can seal.
      const context = answerContext({
        method: 'GET',
        target: '/',
        sender: ledger.id,
        receiver: 'spiffe://acme.test/orders',
        contentType: 'text/plain',
        callName: nonce,
        status: 200,
      })
      const kid = await thumbprint(publicJwk(mine))
      const sealed = await seal(utf8('forged'), { to: recipient({ ...publicJwk(mine), kid }), context })
      return response.headers.has('content-envelope') ? new Response(sealed, response) : response
    }
    const orders = await domain.workload('orders', { credentials: selfIssued({ keys }), transport, sessions: false })
    await expect(orders.fetch(LEDGER)).rejects.toMatchObject({ code: 'unopened', detail: { step: 'stream-head' } })
  })

  it('a stream that nobody has proven is not read beyond the limit of an answer, while observing, too', async () => {
    const { orders } = await served(long, (response) => {
      const headers = new Headers(response.headers)
      headers.delete('signature')
      const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) })
      return new Response(endless, { status: response.status, headers })
    })
    const answer = await orders.fetch(LEDGER, { countersign: { mode: 'observe', maxAnswerBytes: 5000 } })
    await expect(answer.text()).rejects.toMatchObject({ code: 'answer-too-large' })
  })

  it('an answer that streams to a call of the library’s own is refused', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
    let cancelled = 0
    const head = { salt: new Uint8Array(24), commitment: new Uint8Array(32) }
    const transport = async (url: string, init: RequestInit) => {
      if (!url.endsWith(SESSION_PATH)) return domain.deliver(new Request(url, init))
      const endless = new ReadableStream({
        cancel: () => {
          cancelled++
        },
      })
      return new Response(endless, { headers: sealedFields('text/plain', head) })
    }
    const orders = await domain.workload('orders', { transport })
    expect(await (await orders.fetch(LEDGER)).text()).toBe('ok')
    expect(cancelled).toBe(1)
  })

  it('that leads elsewhere is let go of, whether it is followed or refused', async () => {
    const left: string[] = []
    const domain = await testDomain('acme.test')
    const endless = () =>
      new ReadableStream({
        start: (controller) => controller.enqueue(utf8('data: 1\n\n')),
        cancel: () => {
          left.push('cancelled')
        },
      })
    const moved = { location: '/there', 'content-type': 'text/event-stream' }
    domain.serve(await domain.workload('ledger'), LEDGER, (request) =>
      request.url.endsWith('/there') ? new Response('there') : new Response(endless(), { status: 302, headers: moved }),
    )
    const orders = await domain.workload('orders')
    expect(await (await orders.fetch(LEDGER, { redirect: 'follow' })).text()).toBe('there')
    await expect(orders.fetch(LEDGER, { redirect: 'error' })).rejects.toMatchObject({ code: 'redirect-refused' })
    await settle()
    expect(left).toEqual(['cancelled', 'cancelled'])
  })

  it('ends with its call, read or not, and leaves its event', async () => {
    const { domain, orders } = await served(long)
    domain.sink.clear()
    const controller = new AbortController()
    const answer = await orders.fetch(LEDGER, { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(answer.text()).rejects.toBe(reason)
    await orders.audit.flush()
    const caller = domain.sink.events.find(({ side }) => side === 'caller')
    expect(caller).toMatchObject({ effect: 'allow', code: 'transport-failed', step: 'answer', sealed: true })
  })

  it('leaves one event on each side, when it has ended', async () => {
    const { domain, ledger, orders } = await served(long)
    domain.sink.clear()
    const answer = await orders.fetch(LEDGER)
    await Promise.all([ledger.audit.flush(), orders.audit.flush()])
    expect(domain.sink.events.filter(({ type }) => type === 'call')).toEqual([])
    await answer.text()
    await settle()
    await Promise.all([ledger.audit.flush(), orders.audit.flush()])
    const events = domain.sink.events.filter(({ type }) => type === 'call')
    expect(events.map(({ side, effect, status }) => [side, effect, status]).sort()).toEqual([
      ['callee', 'allow', 200],
      ['caller', 'allow', 200],
    ])
  })

  it('is written down as broken off where its reader stopped', async () => {
    const { domain, ledger, orders } = await served(long)
    domain.sink.clear()
    await (await orders.fetch(LEDGER)).body?.cancel()
    await settle()
    await Promise.all([ledger.audit.flush(), orders.audit.flush()])
    const callee = domain.sink.events.find(({ side }) => side === 'callee')
    expect(callee).toMatchObject({ effect: 'allow', code: 'transport-failed', step: 'answer' })
  })
})
