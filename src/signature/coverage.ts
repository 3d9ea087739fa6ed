import type { Fields } from '../core/message.ts'
import { type Component, fieldComponent, readComponent } from './component.ts'

/**
 * Fields that pass without a proof: they belong to a connection, or meshes and proxies rewrite them. No decision rests on
 * them, and those of a request that name somebody are kept from handlers all the same.
 */
const UNPROVEN: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
  'server',
  'via',
  'user-agent',
  'forwarded',
  'x-request-id',
  'traceparent',
  'tracestate',
  'baggage',
])

/** Who is named here is believed by some: what no proof covers of it is removed, unlike its neighbours by name. */
const CLIENT_CERTIFICATE = 'x-forwarded-client-cert'

/** Fields that have to be covered where they are present: the draft's, and those that say how to read a body. */
export const DEMANDED: readonly string[] = [
  'content-type',
  'content-digest',
  'authorization',
  'txn-token',
  'workload-identity-token',
  'content-encoding',
  'content-envelope',
  'idempotency-key',
]
const DEMANDED_SET: ReadonlySet<string> = new Set(DEMANDED)

/** Several cookies cannot be told apart once they are combined: each is covered as its own bytes. */
const SET_COOKIES = readComponent({ value: 'set-cookie', params: new Map([['bs', true]]) })

/** Whether a field, named in lower case, is passed on although no proof covers it. */
export function isUnproven(name: string): boolean {
  return UNPROVEN.has(name) || (name.startsWith('x-forwarded-') && name !== CLIENT_CERTIFICATE)
}

/** Whether a field has to be covered where it is present; a message in which it is not is refused. */
export function isDemanded(name: string): boolean {
  return DEMANDED_SET.has(name)
}

/** Whether a field is part of the proof itself. */
export function isProofField(name: string): boolean {
  return name === 'signature' || name === 'signature-input'
}

/** The fields of a request that its signer covers: all but the unproven and those of the proof. Never trailers. */
export function requestCoverage(fields: Fields): Component[] {
  const components: Component[] = []
  for (const name of fields.names()) {
    if (!isUnproven(name) && !isProofField(name)) components.push(fieldComponent(name))
  }
  return components
}

/** The same of an answer, where each cookie is covered on its own (`"set-cookie";bs`). */
export function answerCoverage(fields: Fields): Component[] {
  return requestCoverage(fields).map((component) => (component.name === 'set-cookie' ? SET_COOKIES : component))
}
