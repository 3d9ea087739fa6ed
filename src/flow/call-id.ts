import { fromBase64url } from '../core/base64url.ts'
import { uuid } from '../core/bytes.ts'
import { randomUuid } from '../core/random.ts'
import { readCallName } from '../signature/proof-parameters.ts'

/**
 * The correlation id of a call: its name written as a UUID, so that both sides find the same one without sending it. A
 * name is a nonce of 128 bits, or the 128 bits of a session with the counter mixed in. Another name gives an id of this
 * side alone.
 */
export function callIdOf(name: string | undefined): string {
  const bytes = name === undefined ? undefined : bytesOf(name)
  if (bytes?.length !== 16) return randomUuid()
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return uuid(bytes)
}

function bytesOf(name: string): Uint8Array | undefined {
  const call = readCallName(name)
  if (call === undefined) return fromBase64url(name)
  const bytes = fromBase64url(call.id)
  // The last seven bytes hold every counter below 2^53 and none of the bits that make a UUID one.
  for (let at = 15, rest = call.counter; bytes !== undefined && rest > 0; at--, rest = Math.floor(rest / 256)) {
    bytes[at] = (bytes[at] as number) ^ (rest % 256)
  }
  return bytes
}
