import { primitives } from '#crypto'
import { type Bytes, concat } from '../core/bytes.ts'
import { type Steps, steps, wait } from '../core/maybe-promise.ts'
import type { AeadKey } from '../crypto/primitives.ts'
import { expand, extract } from './derive.ts'
import { encodeKid, KEK, type Unwrapper, wrapInfo } from './recipient-type.ts'

const SALT_BYTES = 24
// Each wrapping key is derived for one data key: its nonce is never used twice.
const ZERO_NONCE = new Uint8Array(12)

/** A recipient that shares a symmetric key with the sender (type 01). */
export function kekRecipient(kid: string, kek: Bytes): Unwrapper {
  const kidField = encodeKid(kid)
  const info = wrapInfo('sve1/kek', kidField)
  const wrappingKey = steps(function* (salt: Uint8Array): Steps<AeadKey> {
    const prk = yield* wait(primitives.macKey(yield* wait(extract(salt, kek))))
    return yield* wait(primitives.aeadKey(yield* wait(expand(prk, info, 32))))
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
