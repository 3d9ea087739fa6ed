export { callOf } from './adapters/call-of.ts'
export { guard, type NodeHandler } from './adapters/node.ts'
export { openTransform, sealTransform } from './adapters/node-envelope.ts'
export type { GuardOptions } from './flow/inbound/guard-options.ts'
