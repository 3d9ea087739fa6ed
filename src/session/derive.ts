import { primitives } from '#crypto'
import { type Bytes, concat, utf8 } from '../core/bytes.ts'
import type { MacKey } from '../crypto/primitives.ts'

/** The four keys of a session: one use and one direction each. */
export interface SessionKeys {
  readonly clientMac: MacKey
  readonly serverMac: MacKey
  readonly clientSeal: MacKey
  readonly serverSeal: MacKey
}

/** What both ends of a handshake know: the secret, and what each of them has signed. */
export interface HandshakeTranscript {
  /** It is wiped. */
  readonly secret: Bytes
  readonly requestBase: Uint8Array
  readonly answerBase: Uint8Array
}

const SEPARATOR = Uint8Array.of(0)
const FIRST_BLOCK = Uint8Array.of(1)

/**
 * Derives the keys of a session (HKDF-SHA-256, RFC 5869). The salt binds them to both signatures of the handshake:
 * whoever saw another exchange has other keys.
 */
export async function deriveSessionKeys({
  secret,
  requestBase,
  answerBase,
}: HandshakeTranscript): Promise<SessionKeys> {
  const salt = await primitives.digest('SHA-256', concat(requestBase, SEPARATOR, answerBase))
  const extracted = await primitives.mac(await primitives.macKey(salt), secret)
  const prk = await primitives.macKey(extracted)
  const keyOf = async (label: string) => {
    const info = concat(utf8(`countersign/session/v1 ${label}`), FIRST_BLOCK)
    const raw = await primitives.mac(prk, info)
    const key = await primitives.macKey(raw)
    raw.fill(0)
    return key
  }
  const keys = {
    clientMac: await keyOf('client mac'),
    serverMac: await keyOf('server mac'),
    clientSeal: await keyOf('client seal'),
    serverSeal: await keyOf('server seal'),
  }
  secret.fill(0)
  extracted.fill(0)
  return Object.freeze(keys)
}
