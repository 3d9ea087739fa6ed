export { callOf } from './adapters/call-of.ts'
export { guard, type KoaContext, type KoaMiddleware } from './adapters/koa.ts'
export type { GuardOptions } from './flow/inbound/guard-options.ts'
