import { equalBytes } from '../core/bytes.ts'
import type { Header } from './header.ts'
import { unopened } from './unopened.ts'

/** What is known of an envelope before its body is: with the data key it fixes every byte that can follow. */
export interface StreamHead {
  readonly salt: Uint8Array
  readonly commitment: Uint8Array
}

/** Compares what was said of an envelope beforehand with its header. */
export function checkStreamHead(header: Header, expected: StreamHead): void {
  const isSame = equalBytes(header.salt, expected.salt) && equalBytes(header.commitment, expected.commitment)
  // Condition: an envelope that is another one than was signed for is refused before its first chunk.
  if (!isSame) throw unopened('stream-head')
}
