import type { Fields } from '../core/message.ts'
import { type Proof, readProof } from '../signature/proof.ts'

/** The proof of a request that was refused before it was read: only to bind the refusal to it, never to believe it. */
export function salvageProof(fields: Fields): Proof | undefined {
  try {
    return readProof(fields, 'request')
  } catch {
    return undefined
  }
}
