import { CountersignError } from '../core/errors.ts'
import type { Call } from '../flow/call-context.ts'

/**
 * Where a request object carries its call: under a name nobody else has. A `WeakMap` would leave the object as it is, but
 * an entry in it for each call costs the garbage collector more than all that is proven of the call.
 */
const CALL = Symbol('countersign.call')

interface Carrier {
  [CALL]?: Call
}

/** Remembers the call behind a request object. */
export function bindCall(request: object, call: Call): void {
  const carrier: Carrier = request
  carrier[CALL] = call
}

/** The call behind a request object, if a guard has judged it. */
export function boundCall(request: object): Call | undefined {
  const carrier: Carrier = request
  return carrier[CALL]
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
  const direct = boundCall(request)
  if (direct !== undefined) return direct
  const inner =
    'req' in request && typeof request.req === 'object' && request.req !== null ? boundCall(request.req) : undefined
  // Condition: a request that no guard has judged has no call.
  if (inner === undefined) {
    throw new CountersignError('guard-missing', {
      detail: { fix: 'mount guard(workload, options) before this handler' },
    })
  }
  return inner
}
