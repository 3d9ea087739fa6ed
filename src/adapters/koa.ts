import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GuardOptions } from '../flow/inbound/guard-options.ts'
import { checkGuardOptions, guardSettings } from '../flow/inbound/guard-settings.ts'
import { engineOf, type Workload } from '../flow/workload.ts'
import { guardNode } from './node-guard.ts'

/** The part of a Koa context that the guard needs. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The URL before any mount. */
  readonly originalUrl: string
  respond?: boolean | undefined
  readonly request?: { body?: unknown }
  /** Koa Router's and koa-mount's prefix, where there is one. */
  readonly mountPath?: string | undefined
}

/** A middleware of Koa 2 and 3, typed by its shape. */
export type KoaMiddleware = (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void>

/**
 * Guards a Koa app: use it before body parsers. It proves and leaves open what the Express guard does; what upstream
 * middleware makes of `ctx.body` is signed, too, because the answer is taken where it leaves.
 *
 * @throws `option-invalid` naming option and fix
 * @example
 * app.use(guard(payments, { policy: policyFile('countersign/policy.json') }))
 * app.use(async (ctx) => { ctx.body = { from: callOf(ctx).peer.id } })
 */
export function guard(workload: Workload, options: GuardOptions): KoaMiddleware {
  const settings = guardSettings(engineOf(workload), checkGuardOptions(options))
  return async (ctx, next) => {
    let ran = false
    const { req, res } = ctx
    await guardNode(settings, { req, res, target: ctx.originalUrl, mountPath: ctx.mountPath ?? '' }, () => {
      ran = true
      // koa-bodyparser looks there.
      if ('body' in req && ctx.request !== undefined) ctx.request.body = req.body
      return next()
    })
    // The guard has answered on the connection itself: Koa has nothing left to send.
    if (!ran) ctx.respond = false
  }
}
