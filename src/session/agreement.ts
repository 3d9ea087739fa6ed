import { primitives } from '#crypto'
import type { Bytes } from '../core/bytes.ts'
import type { Jwk } from '../crypto/primitives.ts'
import type { Curve } from '../crypto/suites.ts'
import type { Share } from './handshake.ts'

/** One half of a secret, made for one handshake. The private key is held by the function alone and goes with it. */
export interface Half {
  readonly jwk: Jwk
  /** The secret with the other half, or undefined where the two yield none. */
  agree(share: Share): Promise<Bytes | undefined>
}

/** Makes a half on a curve. */
export async function createHalf(curve: Curve): Promise<Half> {
  const { key, jwk } = await primitives.generateAgreement(curve)
  return { jwk, agree: async ({ point }) => primitives.agree(key, point) }
}
