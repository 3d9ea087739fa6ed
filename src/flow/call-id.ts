import { fromBase64url } from '../core/base64url.ts'
import { hex } from '../core/bytes.ts'
import { randomUuid } from '../core/random.ts'

/**
 * The correlation id of a call: its nonce of 128 bits written as a UUID, so that both sides find the same one without
 * sending it. Another nonce gives an id of this side alone.
 */
export function callIdOf(nonce: string | undefined): string {
  const bytes = nonce === undefined ? undefined : fromBase64url(nonce)
  if (bytes?.length !== 16) return randomUuid()
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const text = hex(bytes)
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
}
