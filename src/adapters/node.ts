import type { IncomingMessage, ServerResponse } from 'node:http'
import { orElse, settle } from '../core/maybe-promise.ts'
import { randomUuid } from '../core/random.ts'
import type { GuardOptions } from '../flow/inbound/guard-options.ts'
import { checkGuardOptions, guardSettings } from '../flow/inbound/guard-settings.ts'
import { problemOf } from '../flow/problem.ts'
import { engineOf, type Workload } from '../flow/workload.ts'
import { guardNode, respond } from './node-guard.ts'
import { tellOperator } from './tell-operator.ts'

/** A request listener of `node:http` and `node:https`. */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => unknown

/**
 * Guards a listener of `node:http` or `node:https`. It proves and leaves open what the Express guard does. A handler
 * that throws or rejects is answered with a signed 500, if it had not begun to answer; the error goes to the console.
 *
 * @throws `option-invalid` naming option and fix
 * @example
 * createServer(guard(ledger, { policy }, (req, res) => res.end(callOf(req).peer.id))).listen(8080)
 */
export function guard(
  workload: Workload,
  options: GuardOptions,
  handler: NodeHandler,
): (req: IncomingMessage, res: ServerResponse) => void {
  const settings = guardSettings(engineOf(workload), checkGuardOptions(options))
  return (req, res) => {
    const exchange = { req, res, target: req.url ?? '', mountPath: '' }
    void orElse(
      () => guardNode(settings, exchange, () => settle(handler(req, res))),
      (error) => fail(res, error),
    )
  }
}

function fail(res: ServerResponse, error: unknown): void {
  tellOperator(error)
  if (res.headersSent) res.destroy()
  else respond(res, problemOf('handler-failed', randomUuid()))
}
