export type { EnvelopeContext } from './envelope/context.ts'
export { type EnvelopeSummary, inspect } from './envelope/inspect.ts'
export {
  createKeyring,
  type Keyring,
  type KeyringEntry,
  type KeyringKey,
  type KeyringOptions,
  type KeyState,
} from './envelope/keyring.ts'
export { type OpenOptions, open } from './envelope/open.ts'
export { type Recipient, recipient } from './envelope/recipients.ts'
export { type SealOptions, seal } from './envelope/seal.ts'
