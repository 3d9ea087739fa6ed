import { CountersignError } from '../core/errors.ts'
import { call } from '../flow/call.ts'
import type { Engine } from '../flow/engine.ts'
import type { CallOptions } from '../flow/outbound/call-options.ts'
import type { Destination } from '../flow/outbound/resolve.ts'
import type { SecureFetch } from '../flow/workload.ts'
import { type AnswerFacts, factsOf, responseOf } from './secured-response.ts'

/** Makes a fetch to one destination, with its defaults. */
export function secureFetch(engine: Engine, destination: Destination, defaults: CallOptions): SecureFetch {
  return async (input, init) => responseOf(await call(engine, destination, { input, init, defaults }))
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
  const found = factsOf(response)
  // Condition: the facts of a response that no secured fetch gave are refused.
  if (found === undefined) {
    throw new CountersignError('option-invalid', {
      detail: { option: 'response', fix: 'give the very response that workload.fetch resolved with' },
    })
  }
  return found
}
