import { type Bytes, utf8 } from '../../src/core/bytes.ts'
import type { Code } from '../../src/core/codes.ts'
import { Fields } from '../../src/core/message.ts'
import { admit } from '../../src/flow/admit.ts'
import { answerHandled, answerSelf } from '../../src/flow/answer.ts'
import { call } from '../../src/flow/call.ts'
import { SESSION_PATH } from '../../src/flow/discovery-path.ts'
import type { Engine } from '../../src/flow/engine.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import { checkGuardOptions, type GuardSettings, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import type { SecureInit } from '../../src/flow/outbound/resolve.ts'
import { fieldsOf, headersOf } from '../../src/flow/whatwg.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { publicJwk } from '../../src/keys/jwk.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { type TestDomain, testDomain } from '../../src/testing/test-domain.ts'

/** A request as it lies on the wire: every byte of it can be changed. */
export interface OnTheWire {
  readonly method: string
  readonly target: string
  readonly raw: readonly string[]
  readonly body: Bytes
}

/** What became of a delivered request. */
export interface Outcome {
  readonly status: number
  readonly code: Code | undefined
  readonly ran: boolean
  readonly events: number
  readonly bodyWasRead: boolean
  readonly signed: boolean
}

export const LEDGER = 'https://ledger.test'

/** By what the caller on a wire proves its calls. */
export type WireProof = 'signature' | 'session'

/** A caller, a guarded callee, and a wire between them that an attacker holds. */
export interface Wire {
  readonly domain: TestDomain
  readonly orders: Workload
  readonly ledger: Workload
  readonly guard: GuardSettings
  /** Takes a request off the wire: signed, never delivered, so its proof is unused. */
  capture(init?: SecureInit, path?: string, engine?: Engine): Promise<OnTheWire>
  deliver(message: OnTheWire, address?: string): Promise<Outcome>
}

export async function createWire(options: Partial<GuardOptions> = {}, proof: WireProof = 'signature'): Promise<Wire> {
  const domain = await testDomain('acme.test')
  const { keys } = await domain.credentials()
  const ledger = await domain.workload('ledger', { credentials: selfIssued({ keys }) })
  const guard = guardSettings(engineOf(ledger), checkGuardOptions({ policy: allowAuthenticated(), ...options }))
  const taken: OnTheWire[] = []
  const orders = await domain.workload('orders', {
    peers: { [LEDGER]: ledger.id },
    ...(proof === 'signature' ? { sessions: false as const } : {}),
    transport: async (url, init) => {
      const message = await onTheWire(url, init)
      // A session has to be there before anything can be taken that is proven by it.
      if (message.target.endsWith(SESSION_PATH)) return responseOf((await exchangeWith(guard, message)).answer)
      taken.push(message)
      throw new TypeError('the wire keeps it')
    },
  })
  const sealKey = keys.find(({ use }) => use === 'enc')
  if (sealKey !== undefined)
    engineOf(orders).peers.of(ledger.id).sealKey = { jwk: publicJwk(sealKey), expiresAt: Number.POSITIVE_INFINITY }
  return {
    domain,
    orders,
    ledger,
    guard,
    async capture(init = {}, path = '/v1/charges?idem=1', engine = engineOf(orders)) {
      const wanted = { input: LEDGER + path, init: { countersign: { seal: 'never' as const }, ...init }, defaults: {} }
      const made = async () => call(engine, { peerAt: () => ledger.id, baseUrl: undefined, basePath: '' }, wanted)
      await made().catch(() => undefined)
      const message = taken.at(-1)
      if (message === undefined) throw new Error('nothing was sent')
      return message
    },
    deliver: (message, address) => deliverTo({ domain, ledger, guard }, message, address),
  }
}

type Callee = Pick<Wire, 'domain' | 'ledger' | 'guard'>

/** A request as a transport is given it. */
export async function onTheWire(url: string, { method = '', headers, body }: RequestInit): Promise<OnTheWire> {
  const { pathname, search } = new URL(url)
  const bytes = new Uint8Array(await new Response(body ?? null).arrayBuffer())
  return { method, target: pathname + search, raw: fieldsOf(new Headers(headers)).raw, body: bytes }
}

/** An answer as a transport gives it. */
export function responseOf({ status, fields, body }: HttpAnswer): Response {
  return new Response(body ?? null, { status, headers: headersOf(fields) })
}

/** What a guard made of a request, and the answer of a handler that says `ok`. */
export interface Exchanged {
  readonly answer: HttpAnswer
  readonly ran: boolean
  readonly bodyWasRead: boolean
}

/** How a request arrives at a guard. */
export interface Arriving {
  readonly address?: string | undefined
  readonly mountPath?: string
  /** Waited for before the body is given. */
  readonly bodyComes?: Promise<void>
}

/** Gives a request to a guard, and answers as a handler that says `ok` would. */
export async function exchangeWith(
  guard: GuardSettings,
  message: OnTheWire,
  { address, mountPath = '', bodyComes }: Arriving = {},
): Promise<Exchanged> {
  let bodyWasRead = false
  const admission = await admit(guard, {
    request: { method: message.method, target: message.target, fields: new Fields(message.raw) },
    mountPath,
    announcesBody: message.body.length > 0,
    async readBody(maxBytes) {
      bodyWasRead = true
      await bodyComes
      return message.body.length > maxBytes ? 'too-large' : message.body
    },
    ...(address === undefined ? {} : { address }),
  })
  const ran = admission.kind === 'admitted'
  const answer = ran
    ? await answerHandled(guard, admission.stage, { status: 200, fields: new Fields([]), body: utf8('ok') })
    : await answerSelf(guard, admission)
  return { answer, ran, bodyWasRead }
}

/** Delivers a request to a guard, and tells what became of it and what was written down. */
export async function deliverTo(
  { domain, ledger, guard }: Callee,
  message: OnTheWire,
  address?: string,
): Promise<Outcome> {
  domain.sink.clear()
  const { answer, ran, bodyWasRead } = await exchangeWith(guard, message, { address })
  await ledger.audit.flush()
  const events = domain.sink.events.filter(({ side }) => side === 'callee')
  return {
    status: answer.status,
    code: events[0]?.code,
    ran,
    events: events.length,
    bodyWasRead,
    signed: answer.fields.has('signature'),
  }
}

export function fieldAt(message: OnTheWire, name: string): string {
  const at = message.raw.findIndex((part, i) => i % 2 === 0 && part.toLowerCase() === name)
  return at === -1 ? '' : (message.raw[at + 1] as string)
}

export function withField(message: OnTheWire, name: string, value: string): OnTheWire {
  const raw = message.raw.map((part, i) =>
    i % 2 === 1 && (message.raw[i - 1] as string).toLowerCase() === name ? value : part,
  )
  return { ...message, raw }
}

export function withoutField(message: OnTheWire, name: string): OnTheWire {
  return { ...message, raw: [...new Fields(message.raw).filter((one) => one !== name).raw] }
}

export function doubledField(message: OnTheWire, name: string): OnTheWire {
  return { ...message, raw: [...message.raw, name, fieldAt(message, name)] }
}

/** The text with one bit of one character flipped. */
export function flip(text: string, at: number, bit = 1): string {
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ bit) + text.slice(at + 1)
}

/** The names a request's signature covers, fields only. */
export function coveredFields(message: OnTheWire): string[] {
  const list = fieldAt(message, 'signature-input').split('(')[1]?.split(')')[0] ?? ''
  return [...list.matchAll(/"([a-z0-9-]+)"/g)].map((match) => match[1] as string)
}

/** The signature with one character changed into another of its alphabet. */
export function otherSignature(message: OnTheWire): string {
  const value = fieldAt(message, 'signature')
  return value.slice(0, 20) + (value[20] === 'A' ? 'B' : 'A') + value.slice(21)
}
