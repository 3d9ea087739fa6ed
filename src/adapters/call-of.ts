import { CountersignError } from '../core/errors.ts'
import type { Call } from '../flow/call-context.ts'

const calls = new WeakMap<object, Call>()

/** Remembers the call behind a request object. */
export function bindCall(request: object, call: Call): void {
  calls.set(request, call)
}

/** The call behind a request object, if a guard has judged it. */
export function boundCall(request: object): Call | undefined {
  return calls.get(request)
}

/**
 * Gives the call that a guard admitted: who makes it, the decision that let it in, and whether it came sealed. It takes
 * the request of the framework: `req` of Express and Node, `ctx` of Koa, the `Request` a Fetch handler was given.
 *
 * @throws `guard-missing` where no guard has judged this request
 * @example
 * app.post('/entries', (req, res) => res.json({ from: callOf(req).peer.id }))
 */
export function callOf(request: object): Call {
  const direct = calls.get(request)
  if (direct !== undefined) return direct
  const inner =
    'req' in request && typeof request.req === 'object' && request.req !== null ? calls.get(request.req) : undefined
  // Condition: a request that no guard has judged has no call.
  if (inner === undefined) {
    throw new CountersignError('guard-missing', {
      detail: { fix: 'mount guard(workload, options) before this handler' },
    })
  }
  return inner
}
