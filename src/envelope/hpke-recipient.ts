import { primitives } from '#crypto'
import { concat } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { AgreementKey, Jwk } from '../crypto/primitives.ts'
import { hpkeOpen, hpkeSeal, hpkeSuites } from './hpke.ts'
import type { PublicPoint } from './jwk.ts'
import { keyInvalid } from './misuse.ts'
import { encodeKid, HPKE_P256, HPKE_X25519, type Unwrapper, type Wrapper, wrapInfo } from './recipient-type.ts'

const NO_AAD = new Uint8Array(0)

/** A recipient of whom only the public key is known (types 10 and 11). */
export function hpkeRecipient(kid: string, { curve, point }: PublicPoint): Wrapper {
  const suite = hpkeSuites[curve]
  const kidField = encodeKid(kid)
  const info = wrapInfo('sve1/hpke', kidField)
  return Object.freeze({
    type: curve === 'P-256' ? HPKE_P256 : HPKE_X25519,
    kid,
    kidField,
    async wrap(dataKey, entropy) {
      const ephemeral = await entropy.ephemeral(curve)
      const message = { info, aad: NO_AAD, payload: dataKey }
      const wrapped = await hpkeSeal(suite, { ephemeral, recipient: point }, message)
      // Condition: sealing to a public key that is not on its curve is refused.
      if (wrapped === undefined) throw keyInvalid('to', 'the public key is not on its curve')
      return concat(ephemeral.point, wrapped)
    },
  } satisfies Wrapper)
}

/** A recipient whose private key is at hand. The key is imported once. */
export function hpkeKey(kid: string, jwk: Jwk, known: PublicPoint): Unwrapper {
  const { curve, point } = known
  const own = { ...jwk }
  let imported: MaybePromise<AgreementKey> | undefined
  const privateKey = () => {
    imported ??= primitives.agreementKey(curve, own)
    return imported
  }
  // Where importing takes no time a bad key is told at once. Elsewhere it waits for the first use: a runtime may have
  // no randomness before its first request.
  if (primitives.name === 'node') privateKey()
  const suite = hpkeSuites[curve]
  const sealing = hpkeRecipient(kid, known)
  const info = wrapInfo('sve1/hpke', sealing.kidField)
  return Object.freeze({
    ...sealing,
    async unwrap(body) {
      const ephemeral = body.subarray(0, point.length)
      const message = { info, aad: NO_AAD, payload: body.subarray(point.length) }
      return await hpkeOpen(suite, { key: await privateKey(), recipient: point, ephemeral }, message)
    },
  } satisfies Unwrapper)
}
