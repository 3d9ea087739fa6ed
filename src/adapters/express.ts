import type { IncomingMessage, ServerResponse } from 'node:http'
import { orElse } from '../core/maybe-promise.ts'
import type { GuardOptions } from '../flow/inbound/guard-options.ts'
import { checkGuardOptions, guardSettings } from '../flow/inbound/guard-settings.ts'
import { engineOf, type Workload } from '../flow/workload.ts'
import { shareClass } from './express-class.ts'
import { guardNode } from './node-guard.ts'

/** A middleware of Express 4 and 5, typed by its shape. */
export type ExpressMiddleware = (
  req: IncomingMessage & { originalUrl?: string; baseUrl?: string },
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Guards an Express app or router: mount it before body parsers. Handlers behind it run only for calls whose sender,
 * freshness, target, covered fields and body were verified and that the policy allows; their answers leave signed, and
 * sealed where asked. It does not limit how often, and it does not make a handler idempotent.
 *
 * @throws `option-invalid` naming option and fix
 * @example
 * app.use(guard(ledger, { policy: policyFile('countersign/policy.json') }))
 * app.use(express.json())
 * app.post('/entries', (req, res) => res.json({ from: callOf(req).peer.id }))
 */
export function guard(workload: Workload, options: GuardOptions): ExpressMiddleware {
  const settings = guardSettings(engineOf(workload), checkGuardOptions(options))
  return (req, res, next) => {
    shareClass(req, res)
    const exchange = { req, res, target: req.originalUrl ?? req.url ?? '', mountPath: req.baseUrl ?? '' }
    void orElse(() => guardNode(settings, exchange, () => next()), next)
  }
}
