import { primitives } from '#crypto'
import { type Bytes, concat } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { AgreementKey, Jwk } from '../crypto/primitives.ts'
import type { Curve } from '../crypto/suites.ts'
import { hpkeOpen, hpkeSeal, hpkeSuites } from './hpke.ts'
import type { PublicPoint } from './jwk.ts'
import { keyInvalid } from './misuse.ts'
import { encodeKid, HPKE_P256, HPKE_X25519, type Unwrapper, type Wrapper, wrapInfo } from './recipient-type.ts'

const NO_AAD = new Uint8Array(0)

/** A private key for key agreement, wherever it is. */
export interface Agreeing {
  readonly curve: Curve
  /** The public point that belongs to it. */
  point(): MaybePromise<Uint8Array>
  /** The secret with somebody's point, or undefined for a point that gives none. */
  agree(point: Uint8Array): MaybePromise<Bytes | undefined>
}

/** A recipient of whom only the public key is known (types 10 and 11). */
export function hpkeRecipient(kid: string, { curve, point }: PublicPoint): Wrapper {
  return sealing(kid, { curve, point: () => point })
}

/** A recipient whose private key is at hand. The key is imported once. */
export function hpkeKey(kid: string, jwk: Jwk, { curve, point }: PublicPoint): Unwrapper {
  const own = { ...jwk }
  let imported: MaybePromise<AgreementKey> | undefined
  const privateKey = () => {
    imported ??= primitives.agreementKey(curve, own)
    return imported
  }
  // Where importing takes no time a bad key is told at once. Elsewhere it waits for the first use: a runtime may have
  // no randomness before its first request.
  if (primitives.name === 'node') privateKey()
  const agree = async (other: Uint8Array) => primitives.agree(await privateKey(), other)
  return hpkeUnwrapper(kid, { curve, point: () => point, agree })
}

/** A recipient whose private key agrees by itself. */
export function hpkeUnwrapper(kid: string, own: Agreeing): Unwrapper {
  const suite = hpkeSuites[own.curve]
  const wrapper = sealing(kid, own)
  const info = wrapInfo('sve1/hpke', wrapper.kidField)
  return Object.freeze({
    ...wrapper,
    async unwrap(body) {
      const recipient = await own.point()
      const ephemeral = body.subarray(0, recipient.length)
      const message = { info, aad: NO_AAD, payload: body.subarray(recipient.length) }
      return await hpkeOpen(suite, { agreed: await own.agree(ephemeral), recipient, ephemeral }, message)
    },
  } satisfies Unwrapper)
}

function sealing(kid: string, { curve, point }: Pick<Agreeing, 'curve' | 'point'>): Wrapper {
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
      const wrapped = await hpkeSeal(suite, { ephemeral, recipient: await point() }, message)
      // Condition: sealing to a public key that is not on its curve is refused.
      if (wrapped === undefined) throw keyInvalid('to', 'the public key is not on its curve')
      return concat(ephemeral.point, wrapped)
    },
  } satisfies Wrapper)
}
