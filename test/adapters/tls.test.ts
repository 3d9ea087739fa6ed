import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { Readable } from 'node:stream'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Dispatcher, request, fetch as undiciFetch } from 'undici'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { followCertificate, tlsServerOptions } from '../../src/adapters/node-tls.ts'
import { judgeServer } from '../../src/adapters/server-certificate.ts'
import type { TlsClientOptions } from '../../src/adapters/tls-options.ts'
import { undiciTransport } from '../../src/adapters/undici.ts'
import { tlsClient } from '../../src/adapters/undici-tls.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { trustUrl } from '../../src/trust/trust-url.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import {
  alternativeNames,
  bothUses,
  bundleEntry,
  dnsName,
  leafUsage,
  makeCa,
  makeLeaf,
  NOW_MS,
  type Recipe,
  uriName,
} from '../support/certificate.ts'
import { element } from '../support/der.ts'
import { keyPemOf, pairOf, pemOf } from '../support/pem.ts'
import { callerOf, followed, type TlsWorld, tlsWorld } from '../support/tls.ts'
import { keyServer } from '../trust/key-server.ts'
import { latch } from './sockets.ts'

const CODE = 'certificate-invalid'
const LEDGER = 'spiffe://acme.test/ledger'
const ORDERS = 'spiffe://acme.test/orders'
const root = makeCa({ name: 'root' })
const middle = makeCa({ name: 'middle', by: root })
const leafOf = (id: string, recipe: Recipe = {}) => makeLeaf({ by: middle, uris: [id], ...recipe })

let world: TlsWorld
beforeEach(async () => {
  world = await tlsWorld([root])
})
afterEach(() => world.end())

const named = (id: string, ...names: Uint8Array[]) =>
  leafOf(id, { extensions: [leafUsage, bothUses, alternativeNames(uriName(id), ...names)] })

/** A ledger that says who calls it, and an orders service with a client. */
async function pair(options: TlsClientOptions = {}, ledgerLeaf = leafOf(LEDGER)) {
  const ledger = await world.workload(LEDGER, pairOf(ledgerLeaf, middle))
  const served = await world.serve(ledger, async (req, res) => {
    res.end(await callerOf(ledger, req))
  })
  const orders = await world.workload(ORDERS, pairOf(leafOf(ORDERS), middle))
  return { ledger, orders, ...served, dispatcher: tlsClient(orders, options) }
}

async function textOf(url: string, dispatcher: Dispatcher): Promise<string> {
  return (await undiciFetch(url, { dispatcher })).text()
}

async function refusedBy(url: string, dispatcher: Dispatcher) {
  const { cause } = await undiciFetch(url, { dispatcher }).then(
    () => expect.unreachable('it was answered'),
    (error: Error) => error,
  )
  if (!isCountersignError(cause)) throw cause
  return [cause.code, cause.detail.step]
}

/** A handshake without the library. */
async function handshake(origin: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port: Number(new URL(origin).port), rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** A server of this machine without the library. */
async function plainServer(options: ServerOptions, listener: RequestListener) {
  const server = createServer(options, listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const end = () => {
    server.closeAllConnections()
    server.close()
  }
  return { origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, end }
}

describe('mutual TLS', () => {
  it('shows both ends a certificate of a workload, with the fetch of undici and that of Node', async () => {
    const { origin, named: byName, dispatcher } = await pair()
    for (const url of [origin, byName]) {
      expect(await textOf(`${url}/x`, dispatcher)).toBe(ORDERS)
      const init = { method: 'POST', body: 'b', dispatcher } as unknown as RequestInit
      expect(await (await fetch(url, init)).text()).toBe(ORDERS)
    }
    expect(await (await request(origin, { dispatcher })).body.text()).toBe(ORDERS)
  })

  it('speaks TLS 1.3 unless told otherwise', async () => {
    const { origin, ledger } = await pair()
    expect((await handshake(origin)).getProtocol()).toBe('TLSv1.3')
    await expect(handshake(origin, { maxVersion: 'TLSv1.2' })).rejects.toThrow('protocol version')
    const older = await world.serve(ledger, (_req, res) => res.end('ok'), { minVersion: 'TLSv1.2' })
    expect((await handshake(older.origin, { maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2')

    const { cert, key } = tlsServerOptions(ledger)
    const tls12 = { cert, key, maxVersion: 'TLSv1.2' } as const
    const { origin: old, end } = await plainServer(tls12, (_req, res) => void res.end('old'))
    world.peers[old] = LEDGER
    const orders = await world.workload(ORDERS, pairOf(leafOf(ORDERS), middle))
    await expect(textOf(old, tlsClient(orders))).rejects.toThrow('fetch failed')
    expect(await textOf(old, tlsClient(orders, { minVersion: 'TLSv1.2' }))).toBe('old')
    end()
  })

  it('lets callers without a certificate connect, who then are nobody, and resumes no session', async () => {
    const { origin, ledger, dispatcher } = await pair()
    const first = connect({ port: Number(new URL(origin).port), rejectUnauthorized: false })
    let session: Buffer | undefined
    first.on('session', (given) => (session = given))
    first.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(String((await once(first, 'data'))[0])).toContain('nobody')
    expect((await handshake(origin, { session: session ?? expect.unreachable() })).isSessionReused()).toBe(false)

    const { cert, key } = tlsServerOptions(ledger)
    const reused: boolean[] = []
    const { origin: other, end } = await plainServer({ cert, key }, (req, res) => {
      reused.push((req.socket as TLSSocket).isSessionReused())
      res.setHeader('connection', 'close').end('ok')
    })
    world.peers[other] = LEDGER
    for (let i = 0; i < 3; i++) await textOf(other, dispatcher)
    expect(reused).toEqual([false, false, false])
    end()
  })

  it('carries the calls of a workload, through fetch and through undiciTransport', async () => {
    const { ledger, origin } = await pair()
    let client: Dispatcher | undefined
    const lazy = (): Dispatcher => client ?? expect.unreachable()
    const overFetch = (url: string, init: RequestInit) =>
      fetch(url, { ...init, dispatcher: lazy() } as unknown as RequestInit)
    const overUndici = undiciTransport({
      dispatcher: { dispatch: (wanted, handler) => lazy().dispatch(wanted as never, handler) },
    })
    for (const transport of [overFetch, overUndici]) {
      const orders = await world.workload(ORDERS, pairOf(leafOf(ORDERS), middle), { transport, mode: 'observe' })
      client = tlsClient(orders)
      const answer = await orders.fetch(`${origin}/x`, { method: 'POST', body: 'b', countersign: { seal: 'never' } })
      expect(await answer.text()).toBe(ORDERS)
      await world.trustIn([], {})
      const error = await refusalOf(() => orders.fetch(`${origin}/x`, { countersign: { seal: 'never' } }))
      expect(error.code).toBe(transport === overUndici ? 'certificate-invalid' : 'transport-failed')
      await world.trustIn([root], {})
    }
    expect(ledger.id).toBe(LEDGER)
  })
})

describe('a server', () => {
  it.each([
    ['one of another workload', () => leafOf('spiffe://acme.test/mallory'), ['answer-foreign', 'certificate']],
    ['one of another trust domain by the same CA', () => leafOf('spiffe://evil.test/ledger'), [CODE, 'trust-domain']],
    ['one of a CA that is not trusted', () => makeLeaf({ by: makeCa(), uris: [LEDGER] }), [CODE, 'no-anchor']],
    ['one that has expired', () => leafOf(LEDGER, { notAfter: NOW_MS - 31_000 }), [CODE, 'expired']],
    ['one for another host', () => named(LEDGER, dnsName('ledger.test')), [CODE, 'host']],
  ])('is not called where it shows %s, and gets nothing of the request', async (_what, make, expected) => {
    const { dispatcher } = await pair()
    const reached = vi.fn()
    const wrong = make()
    const { cert, key } = { cert: [wrong, middle].map(pemOf).join(''), key: keyPemOf(wrong) }
    const { origin, end } = await plainServer({ cert, key }, reached)
    const url = origin.replace('127.0.0.1', 'localhost')
    world.peers[url] = LEDGER
    expect(await refusedBy(url, dispatcher)).toEqual(expected)
    expect(reached).not.toHaveBeenCalled()
    end()
  })

  it('a server whose certificate is for other hosts than the one that was called is not called', async () => {
    const { origin, named: byName, dispatcher } = await pair({}, named(LEDGER, dnsName('localhost')))
    expect(await textOf(byName, dispatcher)).toBe(ORDERS)
    // Names say nothing of an address.
    expect(await textOf(origin, dispatcher)).toBe(ORDERS)
    const other = await pair({}, named(LEDGER, dnsName('ledger'), element(0x87, Uint8Array.of(127, 0, 0, 2))))
    expect(await refusedBy(other.origin, other.dispatcher)).toEqual([CODE, 'host'])
    expect(await refusedBy(other.named, other.dispatcher)).toEqual([CODE, 'host'])
  })

  it('a server under wimse whose certificate does not name its host is not called', async () => {
    const id = 'wimse://acme.test/ledger'
    const address = element(0x87, Uint8Array.of(127, 0, 0, 1))
    for (const [names, expected] of [
      [[], [CODE, 'host']],
      [[dnsName('localhost')], ORDERS],
    ] as const) {
      const ledger = await world.workload(id, pairOf(named(id, ...names), middle))
      const served = await world.serve(ledger, async (req, res) => void res.end(await callerOf(ledger, req)))
      const { dispatcher } = await pair()
      const answer = typeof expected === 'string' ? textOf : refusedBy
      expect(await answer(served.named, dispatcher)).toEqual(expected)
      expect(await refusedBy(served.origin, dispatcher)).toEqual([CODE, 'host'])
    }
    const ledger = await world.workload(id, pairOf(named(id, address), middle))
    const { origin } = await world.serve(ledger, async (req, res) => void res.end(await callerOf(ledger, req)))
    expect(await textOf(origin, (await pair()).dispatcher)).toBe(ORDERS)
  })

  it('a server that shows no certificate is not called', async () => {
    const { orders } = await pair()
    const judged = judgeServer(engineOf(orders), undefined, { peer: LEDGER, hostname: 'localhost' })
    const error = await refusalOf(() => judged)
    expect([error.code, error.detail.step]).toEqual([CODE, 'missing'])
  })

  it('a server whose certificate names another workload than the one behind its origin is not called', async () => {
    const { orders } = await pair()
    const shown = { leaf: leafOf(LEDGER).der, others: [middle.der] }
    const judged = (peer: string) => judgeServer(engineOf(orders), shown, { peer, hostname: 'localhost' })
    expect((await refusalOf(() => judged(ORDERS))).code).toBe('answer-foreign')
    expect(await judged(LEDGER)).toBe(NOW_MS + 3_600_000)
  })

  it('that was trusted when it connected is judged again at the next call, over whatever connection', async () => {
    const { origin, dispatcher, ledger } = await pair()
    const go = latch()
    const held = await world.serve(ledger, async (_req, res) => {
      res.write('a')
      await go.promise
      res.end('b')
    })
    const onItsWay = undiciFetch(held.origin, { dispatcher })
    await onItsWay
    expect(await textOf(origin, dispatcher)).toBe(ORDERS)
    await world.trustIn([makeCa()])
    expect(await refusedBy(origin, dispatcher)).toEqual([CODE, 'no-anchor'])
    expect(await refusedBy(held.origin, dispatcher)).toEqual([CODE, 'no-anchor'])
    go.open()
    expect(await (await onItsWay).text()).toBe('ab')

    await world.trustIn([root])
    expect(await textOf(origin, dispatcher)).toBe(ORDERS)
    await world.trustIn([root], { revoked: { workloads: [LEDGER] } })
    expect(await refusedBy(origin, dispatcher)).toEqual([CODE, 'revoked'])
    await world.trustIn([root])
    expect(await textOf(origin, dispatcher)).toBe(ORDERS)
    world.clock.advance(3_600 + 31)
    expect(await refusedBy(origin, dispatcher)).toEqual(['credentials-unavailable', 'certificate'])
  })

  it('is judged again once its certificate has expired, and its connections are kept where trust in it stays', async () => {
    const ledger = await world.workload(LEDGER, pairOf(leafOf(LEDGER, { notAfter: NOW_MS + 60_000 }), middle))
    const ports: unknown[] = []
    const { origin } = await world.serve(ledger, (req, res) => {
      ports.push(req.socket.remotePort)
      res.end('ok')
    })
    const { dispatcher } = await pair({ connections: 1 })
    await textOf(origin, dispatcher)
    await world.trustIn([root, makeCa()])
    await textOf(origin, dispatcher)
    expect(new Set(ports).size).toBe(1)
    world.clock.advance(60 + 30)
    await textOf(origin, dispatcher)
    world.clock.advance(0.001)
    expect(await refusedBy(origin, dispatcher)).toEqual([CODE, 'expired'])
    expect(new Set(ports).size).toBe(1)
  })

  it('is another one as soon as somebody else is behind its origin', async () => {
    const { origin, dispatcher } = await pair({ connections: 1 })
    expect(await textOf(origin, dispatcher)).toBe(ORDERS)
    world.peers[origin] = ORDERS
    expect(await refusedBy(origin, dispatcher)).toEqual(['answer-foreign', 'certificate'])
  })

  it('is not called once trust in its domain has grown too old, over connections that are there either', async () => {
    const keys = await keyServer()
    keys.serve({ keys: [bundleEntry(root)] })
    const trust = trustUrl(keys.url, { trustDomain: 'acme.test', refreshSeconds: 900, maxStaleSeconds: 1 })
    const { origin } = await pair()
    const orders = await world.workload(ORDERS, pairOf(leafOf(ORDERS), middle), { trust })
    const dispatcher = tlsClient(orders, { connections: 1 })
    expect(await textOf(origin, dispatcher)).toBe(ORDERS)
    await keys.close()
    world.clock.advance(900 + 2)
    expect((await refusedBy(origin, dispatcher))[0]).toBe('trust-unavailable')
  })

  it('may be vouched for by a CA that was published a moment ago', async () => {
    const keys = await keyServer()
    const later = makeCa()
    keys.serve({ keys: [bundleEntry(root)] })
    const trust = trustUrl(keys.url, { trustDomain: 'acme.test', refreshSeconds: 900 })
    const { orders } = await pair()
    const dispatcher = tlsClient(await world.workload(ORDERS, pairOf(leafOf(ORDERS), middle), { trust }))
    const ledger = await world.workload(LEDGER, pairOf(makeLeaf({ by: later, uris: [LEDGER] })))
    const { origin } = await world.serve(ledger, (_req, res) => res.end('ok'))
    keys.serve({ keys: [root, later].map((ca) => bundleEntry(ca)) })
    world.clock.advance(60)
    expect(await textOf(origin, dispatcher)).toBe('ok')
    expect(await refusedBy(origin, tlsClient(orders))).toEqual([CODE, 'no-anchor'])
    await keys.close()
  })

  it('is told the host of the URL, whatever the header of a request says', async () => {
    const { ledger, dispatcher } = await pair()
    const { named: byName } = await world.serve(ledger, (req, res) => {
      res.end(`${req.headers.host} ${(req.socket as TLSSocket & { servername: string }).servername}`)
    })
    const answer = await request(byName, { headers: { host: 'other.test' }, dispatcher })
    expect(await answer.body.text()).toBe('other.test localhost')
  })

  it('takes no request that waited for a connection while trust in it was lost', async () => {
    const { ledger, dispatcher } = await pair({ connections: 1 })
    const go = latch()
    let count = 0
    const { origin } = await world.serve(ledger, async (_req, res) => {
      count++
      await go.promise
      res.end('ok')
    })
    const first = textOf(origin, dispatcher)
    const sent = { method: 'POST', body: Readable.from([Buffer.from('b')]) } as const
    const second = request(origin, { ...sent, dispatcher }).then(
      () => undefined,
      (error) => error.code,
    )
    const third = refusedBy(origin, dispatcher)
    await vi.waitFor(() => expect(count).toBe(1))
    await world.trustIn([makeCa()])
    go.open()
    expect(await first).toBe('ok')
    expect([await second, await third]).toEqual([CODE, [CODE, 'no-anchor']])
    expect(count).toBe(1)
  })
})

describe('rotation', () => {
  it('shows new certificates in new handshakes, and lets calls on their way end', async () => {
    const ledgerPair = followed(pairOf(leafOf(LEDGER), middle))
    const ordersPair = followed(pairOf(leafOf(ORDERS), middle))
    const ledger = await world.workload(LEDGER, ledgerPair)
    const go = latch()
    const callers: (string | undefined)[] = []
    const {
      server,
      origin,
      named: byName,
    } = await world.serve(ledger, async (req, res) => {
      callers.push(await callerOf(ledger, req), (req.socket as TLSSocket).getPeerX509Certificate()?.serialNumber)
      res.write('a')
      if (req.url === '/held') await go.promise
      res.end('b')
    })
    const watch = followCertificate(server, ledger)
    const orders = await world.workload(ORDERS, ordersPair)
    const dispatcher = tlsClient(orders, { connections: 1 })
    const onItsWay = await undiciFetch(`${origin}/held`, { dispatcher })
    const waiting = textOf(origin, dispatcher)

    const second = leafOf(ORDERS)
    ordersPair.set(pairOf(second, middle))
    await vi.waitFor(() => expect(engineOf(orders).certificate?.current().generation).toBe(2))
    expect(await textOf(origin, dispatcher)).toBe('ab')
    go.open()
    expect([await onItsWay.text(), await waiting]).toEqual(['ab', 'ab'])
    expect([callers[0], callers[2], callers[4]]).toEqual([ORDERS, ORDERS, ORDERS])
    expect(callers[1]).not.toBe(callers[3])
    expect(callers[3]).toBe(callers[5])

    const serials = async () => {
      const sockets = [await handshake(origin), await handshake(origin, { servername: 'localhost' })]
      return sockets.map((socket) => socket.getPeerX509Certificate()?.serialNumber)
    }
    const before = await serials()
    ledgerPair.set(pairOf(leafOf(LEDGER), middle))
    await vi.waitFor(() => expect(engineOf(ledger).certificate?.current().generation).toBe(2))
    const after = await serials()
    expect([before[0] === before[1], after[0] === after[1], before[0] === after[0]]).toEqual([true, true, false])
    expect(await textOf(byName, dispatcher)).toBe('ab')

    watch.close()
    ledgerPair.set(pairOf(leafOf(LEDGER), middle))
    await vi.waitFor(() => expect(engineOf(ledger).certificate?.current().generation).toBe(3))
    const last = await serials()
    expect([last[0] === after[0], last[1] === after[1]]).toEqual([true, false])
  })

  it('ends at both ends once the certificate of one’s own has expired', async () => {
    const { origin, named: byName, orders, dispatcher } = await pair()
    expect(await textOf(origin, dispatcher)).toBe(ORDERS)
    world.clock.advance(3_601)
    expect(await refusedBy(origin, dispatcher)).toEqual(['credentials-unavailable', 'certificate'])
    expect(refusal(() => tlsServerOptions(orders)).code).toBe('credentials-unavailable')
    await expect(handshake(byName, { servername: 'localhost' })).rejects.toThrow()
  })
})

describe('what is refused', () => {
  it('mutual TLS for a workload without a certificate is refused', async () => {
    const workload = await (await testDomain('acme.test')).workload('orders')
    const server = createServer()
    for (const ask of [tlsServerOptions, tlsClient, (given: Workload) => followCertificate(server, given)]) {
      const { code, message } = refusal(() => ask(workload))
      expect([code, message.includes('options.certificate: give')]).toEqual(['option-invalid', true])
    }
  })

  it('an option that mutual TLS does not have is refused', async () => {
    const { orders } = await pair()
    const extra = { ca: '' } as object
    expect(refusal(() => tlsClient(orders, extra)).message).toContain('TLS client options.ca')
    expect(refusal(() => tlsServerOptions(orders, extra)).message).toContain('the options are minVersion')
  })

  it('a number that no connection of mutual TLS can keep is refused', async () => {
    const { orders } = await pair()
    for (const [name, bad, good] of [
      ['connections', 0, 1],
      ['connectTimeoutMs', -1, 0],
      ['headersTimeoutMs', 0.5, 0],
      ['bodyTimeoutMs', '1', undefined],
      ['keepAliveTimeoutMs', 0, 1],
      ['connections', 2 ** 31, 2 ** 31 - 1],
    ] as const) {
      expect(refusal(() => tlsClient(orders, { [name]: bad })).message).toContain(`TLS client options.${name}`)
      await tlsClient(orders, { [name]: good }).close()
    }
  })

  it('mutual TLS of a version before 1.2 is refused', async () => {
    const { orders } = await pair()
    const older = { minVersion: 'TLSv1.1' } as unknown as TlsClientOptions
    for (const ask of [tlsServerOptions, tlsClient])
      expect(refusal(() => ask(orders, older)).message).toContain("minVersion: give 'TLSv1.3' or 'TLSv1.2'")
  })

  it('an origin that belongs to no known peer is not called over mutual TLS', async () => {
    const { dispatcher } = await pair()
    expect((await refusedBy('https://127.0.0.1:9999', dispatcher))[0]).toBe('peer-unknown')
    const { cause } = await fetch('https://127.0.0.1:9999', { dispatcher } as unknown as RequestInit).catch((e) => e)
    expect(cause.code).toBe('peer-unknown')
  })

  it('a call without TLS is not sent over mutual TLS', async () => {
    const { dispatcher } = await pair()
    world.peers['http://127.0.0.1:9999'] = LEDGER
    expect((await refusedBy('http://127.0.0.1:9999', dispatcher))[0]).toBe('option-invalid')
  })

  it('a request that would make something else of its connection is not sent over mutual TLS', async () => {
    const { origin, dispatcher } = await pair()
    const upgrade = dispatcher.upgrade({ path: `${origin}/`, protocol: 'x' } as never)
    expect((await refusalOf(() => upgrade)).detail.option).toBe('upgrade')
    const tunnel = dispatcher.connect({ origin, path: 'a:1' } as never)
    expect((await refusalOf(() => tunnel)).detail.option).toBe('upgrade')
  })

  it('a TLS client that was closed sends nothing', async () => {
    const { origin, orders, dispatcher } = await pair()
    await textOf(origin, dispatcher)
    await dispatcher.close()
    expect((await refusedBy(origin, dispatcher))[0]).toBe('workload-closed')
    const other = tlsClient(orders)
    await textOf(origin, other)
    await orders.close()
    expect((await refusedBy(origin, other))[0]).toBe('workload-closed')
  })
})

describe('the end of a TLS client', () => {
  it('lets calls on their way end, and leaves no connection', async () => {
    const { ledger, orders } = await pair()
    const go = latch()
    const { server, origin } = await world.serve(ledger, async (_req, res) => {
      res.write('a')
      await go.promise
      res.end('b')
    })
    const count = () => new Promise((resolve) => server.getConnections((_error, found) => resolve(found)))
    const dispatcher = tlsClient(orders)
    const answer = await undiciFetch(origin, { dispatcher })
    let isClosed = false
    const closing = dispatcher.close().then(() => (isClosed = true))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isClosed).toBe(false)
    go.open()
    expect(await answer.text()).toBe('ab')
    await closing
    await vi.waitFor(async () => expect(await count()).toBe(0))
  })

  it('is at once where it is destroyed', async () => {
    const { ledger, orders } = await pair()
    const { server, origin } = await world.serve(ledger, (_req, res) => res.write('a'))
    const count = () => new Promise((resolve) => server.getConnections((_error, found) => resolve(found)))
    const dispatcher = tlsClient(orders)
    const answer = await undiciFetch(origin, { dispatcher })
    await dispatcher.destroy(new Error('enough'))
    await expect(answer.text()).rejects.toThrow()
    await vi.waitFor(async () => expect(await count()).toBe(0))

    const silent = createTcpServer()
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const nowhere = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`
    world.peers[nowhere] = LEDGER
    const other = tlsClient(orders)
    const failing = undiciFetch(nowhere, { dispatcher: other }).catch((error) => error)
    const [socket] = await once(silent, 'connection')
    const [failed] = await Promise.all([failing, other.destroy()])
    expect(failed).toBeInstanceOf(TypeError)
    if (!socket.destroyed) await once(socket.resume(), 'close')
    silent.close()
    await new Promise<void>((resolve) => tlsClient(orders).destroy(resolve))
    await new Promise<void>((resolve) => tlsClient(orders).close(resolve))
  })
})
