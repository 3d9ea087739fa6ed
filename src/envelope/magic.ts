import { utf8 } from '../core/bytes.ts'

/** The first bytes of every envelope. */
export const MAGIC: Uint8Array = utf8('SVE1')
