export { callOf } from './adapters/call-of.ts'
export { type FetchHandler, guard } from './adapters/fetch.ts'
export type { GuardOptions } from './flow/inbound/guard-options.ts'
