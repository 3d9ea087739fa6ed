import { fromBase64 } from '../core/base64url.ts'
import type { Bytes } from '../core/bytes.ts'

const BLOCK = /-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----(?:\r?\n|$)/y

/** Reads certificates in PEM (RFC 7468), one after the other and nothing between; undefined where that is not what stands there. */
export function parsePem(text: string, most: number): readonly Bytes[] | undefined {
  const found: Bytes[] = []
  for (BLOCK.lastIndex = 0; BLOCK.lastIndex < text.length; ) {
    const body = BLOCK.exec(text)?.[1]
    const der = body === undefined ? undefined : fromBase64(body.replace(/[\r\n]/g, ''))
    if (der === undefined || found.length === most) return undefined
    found.push(der)
  }
  return found.length === 0 ? undefined : found
}
