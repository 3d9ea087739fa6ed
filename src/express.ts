export { callOf } from './adapters/call-of.ts'
export { type ExpressMiddleware, guard } from './adapters/express.ts'
export type { GuardOptions } from './flow/inbound/guard-options.ts'
