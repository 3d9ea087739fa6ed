import { primitives } from '#crypto'
import { utf8 } from '../core/bytes.ts'
import type { MacKey } from '../crypto/primitives.ts'
import { encodeKid, SESSION, type Unwrapper } from './recipient-type.ts'

const LABEL = utf8('sve1/session')
const NOTHING = new Uint8Array(0)

/**
 * A recipient that shares a session with the sender, one direction of it (type 03). Both ends hold the key, so a random
 * data key need not travel: each salt gives another one.
 */
export function sessionKey(kid: string, key: MacKey): Unwrapper {
  return Object.freeze({
    type: SESSION,
    kid,
    kidField: encodeKid(kid),
    derive: (salt) => primitives.mac(key, LABEL, salt),
    wrap: () => NOTHING,
    unwrap: () => undefined,
  } satisfies Unwrapper)
}
