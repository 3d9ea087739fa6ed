import { CountersignError } from '../core/errors.ts'
import { call } from '../flow/call.ts'
import type { Engine } from '../flow/engine.ts'
import type { CallResult } from '../flow/outbound/attempt.ts'
import type { CallOptions } from '../flow/outbound/call-options.ts'
import type { Destination } from '../flow/outbound/resolve.ts'
import { entriesOf } from '../flow/whatwg.ts'
import type { SecureFetch } from '../flow/workload.ts'
import type { Peer } from '../identity/peer.ts'

/** What the library knows about a verified answer. */
export interface AnswerFacts {
  readonly callId: string
  readonly peer: Peer
  readonly sealed: boolean
}

/** Makes a fetch to one destination, with its defaults. */
export function secureFetch(engine: Engine, destination: Destination, defaults: CallOptions): SecureFetch {
  return async (input, init) => new SecuredResponse(await call(engine, destination, { input, init, defaults }))
}

const NULL_BODY = new Set([204, 205, 304])

/** What fetch would give, and beside it what was proven of it: a `WeakMap` of both costs more than the answer itself. */
class SecuredResponse extends Response {
  readonly #url: string
  readonly #facts: AnswerFacts

  constructor({ answer, url, callId, peer, sealed }: CallResult) {
    const { status, fields, body } = answer
    super(NULL_BODY.has(status) ? null : (body ?? null), { status, headers: entriesOf(fields) })
    this.#url = url
    this.#facts = Object.freeze({ callId, peer, sealed })
  }

  /** One that is made has none, and this one came from somewhere. */
  override get url(): string {
    return this.#url
  }

  static factsOf(response: object): AnswerFacts | undefined {
    return #facts in response ? response.#facts : undefined
  }
}

/**
 * Tells who gave an answer: the peer whose token and signature were verified, the correlation id both sides wrote down,
 * and whether the body travelled sealed.
 *
 * @throws `option-invalid` for a response that no secured fetch gave, a clone of one too
 * @example
 * const answer = await orders.fetch('http://ledger/entries')
 * console.log(answerOf(answer).peer.id)
 */
export function answerOf(response: Response): AnswerFacts {
  const found = SecuredResponse.factsOf(response)
  // Condition: the facts of a response that no secured fetch gave are refused.
  if (found === undefined) {
    throw new CountersignError('option-invalid', {
      detail: { option: 'response', fix: 'give the very response that workload.fetch resolved with' },
    })
  }
  return found
}
