import { utf8 } from '../../src/core/bytes.ts'
import { nowSeconds } from '../../src/core/clock.ts'
import type { Code } from '../../src/core/codes.ts'
import { Fields } from '../../src/core/message.ts'
import type { Jwk, MacKey } from '../../src/crypto/primitives.ts'
import { SESSION_PATH } from '../../src/flow/discovery-path.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import { checkGuardOptions, type GuardSettings, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import type { ClientSession, Line } from '../../src/flow/line.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import type { Credentials } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import type { Source } from '../../src/keys/source.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { contentDigest } from '../../src/signature/content-digest.ts'
import { SESSION_TAG, WIMSE_TAG } from '../../src/signature/proof-parameters.ts'
import { signRequest } from '../../src/signature/sign-proof.ts'
import { type TestDomain, testDomain } from '../../src/testing/test-domain.ts'
import type { TrustBundle } from '../../src/trust/bundle.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'
import { type Arriving, exchangeWith, fieldAt, LEDGER, type OnTheWire, onTheWire, responseOf } from './wire.ts'

/** What the one who holds the wire does with a request. */
type Between = (message: OnTheWire) => Promise<HttpAnswer>

/** What is made anew for one test. */
export interface TapOptions {
  readonly domain?: TestDomain
  readonly guard?: Partial<GuardOptions>
  readonly ledger?: Partial<WorkloadOptions>
  readonly orders?: Partial<WorkloadOptions>
}

/** A caller and a callee that open sessions, and somebody who holds the wire between them. */
export class Tap {
  readonly domain: TestDomain
  readonly orders: Workload
  readonly ledger: Workload
  guard: GuardSettings
  /** Every request that was sent, the handshakes apart. */
  readonly sent: OnTheWire[] = []
  readonly handshakes: OnTheWire[] = []
  /** The answers that were delivered, in order. */
  readonly answers: HttpAnswer[] = []
  /** Where handlers ran, in order. */
  readonly ran: string[] = []
  between: Between = (message) => this.deliver(message)
  betweenHandshake: Between = (message) => this.deliver(message)

  constructor(domain: TestDomain, parts: { orders: Workload; ledger: Workload; guard: GuardSettings }) {
    this.domain = domain
    this.orders = parts.orders
    this.ledger = parts.ledger
    this.guard = parts.guard
  }

  send(message: OnTheWire): Promise<HttpAnswer> {
    const isHandshake = message.target.endsWith(SESSION_PATH)
    if (isHandshake) this.handshakes.push(message)
    else this.sent.push(message)
    return isHandshake ? this.betweenHandshake(message) : this.between(message)
  }

  async deliver(message: OnTheWire, arriving?: Arriving): Promise<HttpAnswer> {
    const { answer, ran } = await exchangeWith(this.guard, message, arriving)
    if (ran) this.ran.push(message.target)
    this.answers.push(answer)
    return answer
  }

  /** Delivers one request, and tells by which code it was refused: none where its handler ran. One event, in any case. */
  async codeOf(message: OnTheWire, arriving?: Arriving): Promise<Code | 'ran'> {
    await this.ledger.audit.flush()
    this.domain.sink.clear()
    const before = this.ran.length
    const { status } = await this.deliver(message, arriving)
    await this.ledger.audit.flush()
    const events = this.domain.sink.events.filter(({ side }) => side === 'callee')
    if (events.length !== 1) throw new Error(`${events.length} events`)
    const code = events[0]?.code
    const ran = this.ran.length > before
    if (ran !== (code === undefined) || ran !== (status === 200)) throw new Error(`${status}, ${code}, ran: ${ran}`)
    return code ?? 'ran'
  }

  /** Takes a request off the wire before it is delivered. */
  async capture(path = '/v1/charges', init: RequestInit = { method: 'POST', body: '{}' }): Promise<OnTheWire> {
    const { between } = this
    this.between = () => Promise.reject(new TypeError('the wire keeps it'))
    await this.orders.fetch(LEDGER + path, init).catch(() => undefined)
    this.between = between
    return this.sent.at(-1) as OnTheWire
  }

  call(path = '/v1/charges', init: Parameters<Workload['fetch']>[1] = {}): Promise<Response> {
    return this.orders.fetch(LEDGER + path, { method: 'POST', body: '{}', ...init })
  }

  line(base = LEDGER): Line {
    const line = engineOf(this.orders).peers.of(this.ledger.id).lines.get(base)
    if (line === undefined) throw new Error('nobody has called yet')
    return line
  }

  /** The caller's session, opened if need be. */
  async session(): Promise<ClientSession> {
    await this.capture()
    const { session } = this.line()
    if (session === undefined) throw new Error('no session was opened')
    return session
  }
}

export async function createTap(options: TapOptions = {}): Promise<Tap> {
  const domain = options.domain ?? (await testDomain('acme.test'))
  const ledger = await domain.workload('ledger', options.ledger)
  const guard = guardSettings(engineOf(ledger), checkGuardOptions({ policy: allowAuthenticated(), ...options.guard }))
  const orders = await domain.workload('orders', {
    peers: { [LEDGER]: ledger.id },
    transport: async (url, init) => responseOf(await tap.send(await onTheWire(url, init))),
    ...options.orders,
  })
  const tap: Tap = new Tap(domain, { orders, ledger, guard })
  return tap
}

/** A request as whoever holds a key of a session can make it. */
export interface Forged {
  readonly id: string
  readonly key: MacKey
  readonly counter: number | string
  readonly target?: string
  readonly body?: Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  readonly audience?: string
  readonly lifetimeSeconds?: number
}

export async function forge({ domain, ledger }: Pick<Tap, 'domain' | 'ledger'>, what: Forged): Promise<OnTheWire> {
  const { id, key, counter, target = '/v1/charges', body = utf8('{}'), audience = ledger.id } = what
  const raw = ['accept-encoding', 'identity', ...Object.entries(what.headers ?? {}).flat()]
  if (body.length > 0) raw.push('content-digest', await contentDigest(body))
  const request = { method: 'POST', target, fields: new Fields(raw) }
  const created = nowSeconds(domain.clock)
  const parameters = {
    created,
    expires: created + (what.lifetimeSeconds ?? 60),
    nonce: String(counter),
    keyid: id,
    tag: SESSION_TAG,
    audience,
    signResponse: true,
  }
  const { fields } = await signRequest({ request, parameters, macKey: key })
  return { ...request, raw: request.fields.with(fields).raw, body }
}

/** A request that a workload signs with its own key and token, under a nonce of the attacker's choice. */
export async function forgeSigned(
  { domain, ledger }: Pick<Tap, 'domain' | 'ledger'>,
  workload: Workload,
  what: Partial<Omit<Forged, 'id' | 'key' | 'counter'>> & { readonly nonce: string },
): Promise<OnTheWire> {
  const { nonce, target = '/v1/charges', body = utf8('{}'), audience = ledger.id } = what
  const { token, signingKey } = await engineOf(workload).credentials.current()
  const raw = [...Object.entries(what.headers ?? {}).flat(), 'workload-identity-token', token]
  if (body.length > 0) raw.push('content-digest', await contentDigest(body))
  const request = { method: 'POST', target, fields: new Fields(raw) }
  const created = nowSeconds(domain.clock)
  const expires = created + (what.lifetimeSeconds ?? 60)
  const parameters = { created, expires, nonce, tag: WIMSE_TAG, audience, signResponse: true }
  const { fields } = await signRequest({ request, parameters, signingKey })
  return { ...request, raw: request.fields.with(fields).raw, body }
}

/** The session that a request names. */
export function keyidOf(message: OnTheWire): string | undefined {
  return /keyid="([^"]+)"/.exec(fieldAt(message, 'signature-input'))?.[1]
}

/** The name of the call that a request belongs to. */
export function nameOf(message: OnTheWire): string {
  const nonce = /nonce="([^"]+)"/.exec(fieldAt(message, 'signature-input'))?.[1] ?? ''
  const id = keyidOf(message)
  return id === undefined ? nonce : `${id}.${nonce}`
}

/** A source that can be given something new. */
export function changing<T>(first: T): Source<T> & { change(next: T): void } {
  let value = first
  const watchers = new Set<() => void>()
  return {
    load: () => value,
    watch(changed) {
      watchers.add(changed)
      return { close: () => watchers.delete(changed) }
    },
    change(next) {
      value = next
      for (const changed of watchers) changed()
    },
  }
}

/** A bundle that trusts these keys for the domain. */
export const trusting = (...keys: Jwk[]): TrustBundle => ({
  trust_domains: { 'acme.test': { keys: keys.map(publicJwk) } },
})

/** Lets whatever was started come to its end. */
export const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 250))

/** Something that comes when it is told to. */
export function later() {
  let resolve = (): void => undefined
  const comes = new Promise<void>((done) => {
    resolve = done
  })
  return { comes, resolve }
}

/** A tap whose ledger has trust and credentials that can change. */
export async function changingTap() {
  const domain = await testDomain('acme.test')
  const { keys } = await domain.credentials()
  const anchor = keys[0] as Jwk
  const other = await generateKey({ alg: 'ES256' })
  const trust = changing(trusting(anchor, other))
  const credentials = changing<Credentials>({ keys })
  const mine = changing<Credentials>({ keys: [other, keys[1] as Jwk] })
  const own = changing(trusting(anchor, other))
  const tap = await createTap({
    domain,
    ledger: { trust, credentials },
    orders: { credentials: mine, trust: own },
  })
  return { tap, trust, own, credentials, mine, anchor, other }
}
