import { primitives } from '#crypto'
import { toBase64url } from '../core/base64url.ts'
import { utf8 } from '../core/bytes.ts'

/** The digest by which tokens name each other: base64url of SHA-256 of the ASCII (RFC 9449 §4.2, draft-ietf-wimse-wpt §2). */
export async function hashOf(text: string): Promise<string> {
  return toBase64url(await primitives.digest('SHA-256', utf8(text)))
}
