import { type Clock, nowSeconds } from '../core/clock.ts'
import { orAborted } from '../flow/outbound/deadline.ts'
import type { SecureInit } from '../flow/outbound/resolve.ts'
import type { SecureFetch } from '../flow/workload.ts'
import { type ActiveBearer, BearerHolder } from '../token/bearer-holder.ts'
import type { BearerSource } from '../token/bearer-source.ts'
import { type BearerCall, type BearerReach, readBearerCall } from './bearer-call.ts'
import { errorsIn } from './challenge.ts'

/** What calls with an access token are made from. */
export interface BearerSetup extends BearerReach {
  readonly source: BearerSource
  readonly clock: Clock
  /** What sends them: it is not asked to follow redirects. */
  readonly send: SecureFetch
  /** The path of a URL as it is sent. */
  pathOf(url: URL): string
}

const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/
const MAX_ORIGINS = 1000

/** Why a call was repeated: each reason counts once. */
interface Repeated {
  readonly nonce?: true
  readonly token?: true
}

/** Sends calls with an access token, and with the proof where the token is bound to a key. */
class BearerSender {
  readonly #setup: BearerSetup
  readonly #holder: BearerHolder
  /** The newest nonce of each origin (RFC 9449 §8.2). */
  readonly #nonces = new Map<string, string>()

  constructor(setup: BearerSetup) {
    this.#setup = setup
    this.#holder = new BearerHolder(setup.source, setup.clock)
  }

  async fetch(input: string | URL | Request, init: SecureInit | undefined): Promise<Response> {
    const call = readBearerCall(input, init, this.#setup)
    call.signal?.throwIfAborted()
    const bearer = await orAborted(Promise.resolve(this.#holder.current()), call.signal)
    return this.#attempt(call, bearer, {})
  }

  async #attempt(call: BearerCall, bearer: ActiveBearer, repeated: Repeated): Promise<Response> {
    const { origin } = call.url
    const nonce = this.#nonces.get(origin)
    const headers = await this.#headers(call, bearer, nonce)
    const answer = await this.#setup.send(call.input, { ...call.init, headers })
    this.#learn(origin, answer.headers.get('dpop-nonce'))
    // Condition: a call whose body can be read once is not sent a second time for the sake of its token.
    if (answer.status !== 401 || !call.isRepeatable) return answer
    const errors = errorsIn(answer.headers.get('www-authenticate'))
    const wantsNonce = errors.has('use_dpop_nonce') && bearer.prove !== undefined
    // Condition: a call is sent once more with a nonce, and only where there is another one.
    if (wantsNonce && repeated.nonce === undefined && this.#nonces.get(origin) !== nonce) {
      letGo(answer)
      return this.#attempt(call, bearer, { ...repeated, nonce: true })
    }
    // Condition: a call is sent once more with another token, and not twice.
    if (!errors.has('invalid_token') || repeated.token === true) return answer
    return this.#withAnother(call, bearer, { answer, repeated })
  }

  async #withAnother(
    call: BearerCall,
    refused: ActiveBearer,
    { answer, repeated }: { readonly answer: Response; readonly repeated: Repeated },
  ): Promise<Response> {
    const asked = this.#holder.another(refused)
    if (asked === undefined) return answer
    const bearer = await orAborted(Promise.resolve(asked), call.signal).catch((cause) => {
      letGo(answer)
      throw cause
    })
    // Condition: a token that was refused is not sent again in the same call.
    if (bearer.token === refused.token) return answer
    letGo(answer)
    return this.#attempt(call, bearer, { ...repeated, token: true })
  }

  async #headers(
    { url, method, headers }: BearerCall,
    { token, prove }: ActiveBearer,
    nonce: string | undefined,
  ): Promise<Headers> {
    const own = new Headers(headers)
    own.set('authorization', `${prove === undefined ? 'Bearer' : 'DPoP'} ${token}`)
    if (prove === undefined) return own
    const { clock, pathOf } = this.#setup
    const proven = { method, url: url.origin + pathOf(url), nonce, nowSeconds: nowSeconds(clock) }
    own.set('dpop', await prove(proven))
    return own
  }

  #learn(origin: string, nonce: string | null): void {
    // Condition: what a service gives as a nonce is not sent where it is none.
    if (nonce === null || !NONCE.test(nonce)) return
    this.#nonces.delete(origin)
    const oldest = this.#nonces.keys().next()
    if (this.#nonces.size >= MAX_ORIGINS && !oldest.done) this.#nonces.delete(oldest.value)
    this.#nonces.set(origin, nonce)
  }
}

/** Nobody reads the body of an answer whose call is made again. */
function letGo(answer: Response): void {
  answer.body?.cancel().catch(() => undefined)
}

/** A fetch whose calls carry an access token. */
export function withBearer(setup: BearerSetup): SecureFetch {
  const sender = new BearerSender(setup)
  return (input, init) => sender.fetch(input, init)
}
