export { type BlindIndexOptions, blindIndex } from './envelope/blind-index.ts'
export type { EnvelopeContext } from './envelope/context.ts'
export { type OpenFieldsOptions, openFields, type SealFieldsOptions, sealFields } from './envelope/fields.ts'
export { type EnvelopeSummary, inspect } from './envelope/inspect.ts'
export type { KeyRequest, KeyService } from './envelope/key-service.ts'
export {
  createKeyring,
  type Keyring,
  type KeyringEntry,
  type KeyringKey,
  type KeyringOptions,
  type KeyState,
} from './envelope/keyring.ts'
export { type KeyringFile, type KeyringFileOptions, keyringFile } from './envelope/keyring-file.ts'
export { type OpenOptions, open } from './envelope/open.ts'
export { openFile } from './envelope/open-file.ts'
export { type OpenRangeOptions, openRange, type RangeSource } from './envelope/open-range.ts'
export { openStream } from './envelope/open-stream.ts'
export type { OpenedKeysOptions } from './envelope/opened-keys.ts'
export { type Recipient, recipient } from './envelope/recipients.ts'
export { type RewrapOptions, rewrap } from './envelope/rewrap.ts'
export { type SealOptions, seal } from './envelope/seal.ts'
export { sealFile } from './envelope/seal-file.ts'
export { type SealStreamOptions, sealStream } from './envelope/seal-stream.ts'
export { type TenantKeyStore, type TenantKeys, type TenantKeysOptions, tenantKeys } from './envelope/tenant-keys.ts'
export { type OpenTextOptions, openText, rewrapText, type SealTextOptions, sealText } from './envelope/text.ts'
