export type { SignatureAlgorithm } from './signature/algorithms.ts'
export { contentDigest, verifyContentDigest } from './signature/content-digest.ts'
export type { RequestMessage, ResponseMessage } from './signature/message-input.ts'
export { type SignatureHeaders, type SignMessageOptions, signMessage } from './signature/sign-message.ts'
export type { FieldType } from './signature/structured-fields/field-types.ts'
export {
  type KeyResolver,
  type MessageProof,
  type VerifyMessageOptions,
  verifyMessage,
} from './signature/verify-message.ts'
