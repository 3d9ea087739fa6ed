import { primitives } from '#crypto'
import { type Bytes, concat } from '../core/bytes.ts'
import { type Steps, steps, wait } from '../core/maybe-promise.ts'
import type { AeadKey } from '../crypto/primitives.ts'
import { expand, extract } from './derive.ts'
import { isBytes } from './misuse.ts'
import { encodeKid, KEK, type Unwrapper, wrapInfo } from './recipient-type.ts'

const SALT_BYTES = 24
const KEY_BYTES = 32
// Each wrapping key is derived for one data key: its nonce is never used twice.
const ZERO_NONCE = new Uint8Array(12)

/** A recipient that shares a symmetric key with the sender (type 01): its bytes, or a CryptoKey that derives by HKDF. */
export function kekRecipient(kid: string, kek: Bytes | CryptoKey): Unwrapper {
  const kidField = encodeKid(kid)
  const info = wrapInfo('sve1/kek', kidField)
  const wrappingKey = steps(function* (salt: Uint8Array): Steps<AeadKey> {
    const raw = isBytes(kek) ? yield* derived(kek, salt, info) : yield* wait(derivedBy(kek, salt, info))
    return yield* wait(primitives.aeadKey(raw))
  })
  return Object.freeze({
    type: KEK,
    kid,
    kidField,
    async wrap(dataKey, entropy) {
      const salt = entropy.wrapSalt()
      return concat(salt, ...(await primitives.encrypt(await wrappingKey(salt), ZERO_NONCE, dataKey, info)))
    },
    async unwrap(body) {
      const key = await wrappingKey(body.subarray(0, SALT_BYTES))
      return await primitives.decrypt(key, ZERO_NONCE, body.subarray(SALT_BYTES), info)
    },
  } satisfies Unwrapper)
}

function* derived(kek: Uint8Array, salt: Uint8Array, info: Bytes): Steps<Bytes> {
  const prk = yield* wait(primitives.macKey(yield* wait(extract(salt, kek))))
  return yield* wait(expand(prk, info, KEY_BYTES))
}

/** The same bytes, by a key that shows none of its own. */
async function derivedBy(kek: CryptoKey, salt: Uint8Array, info: Bytes): Promise<Bytes> {
  // WebCrypto's types exclude shared memory, which no caller has.
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt: salt as Bytes, info }
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, kek, KEY_BYTES * 8))
}
