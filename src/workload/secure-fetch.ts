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

const facts = new WeakMap<Response, AnswerFacts>()

/** Makes a fetch to one destination, with its defaults. */
export function secureFetch(engine: Engine, destination: Destination, defaults: CallOptions): SecureFetch {
  return async (input, init) => toResponse(await call(engine, destination, { input, init, defaults }))
}

const NULL_BODY = new Set([204, 205, 304])

function toResponse(result: CallResult): Response {
  const { answer } = result
  const headers = entriesOf(answer.fields)
  const response = new Response(NULL_BODY.has(answer.status) ? null : (answer.body ?? null), {
    status: answer.status,
    headers,
  })
  Object.defineProperty(response, 'url', { value: result.url })
  facts.set(response, Object.freeze({ callId: result.callId, peer: result.peer, sealed: result.sealed }))
  return response
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
  const found = facts.get(response)
  // Condition: the facts of a response that no secured fetch gave are refused.
  if (found === undefined) {
    throw new CountersignError('option-invalid', {
      detail: { option: 'response', fix: 'give the very response that workload.fetch resolved with' },
    })
  }
  return found
}
