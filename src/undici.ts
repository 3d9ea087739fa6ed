export { type UndiciTransport, undiciTransport } from './adapters/undici.ts'
export type { UndiciDispatcher, UndiciTransportOptions } from './adapters/undici-options.ts'
