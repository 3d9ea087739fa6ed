import { primitives } from '#crypto'
import { randomNonce } from '../core/random.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOfKey } from '../crypto/suites.ts'
import { hashOf } from './token-hash.ts'
import { publicMembers, tokenSigner } from './token-signer.ts'

/** A call that a proof is for. */
export interface ProvenCall {
  readonly method: string
  /** Without query and fragment. */
  readonly url: string
  readonly nonce: string | undefined
  readonly nowSeconds: number
}

/** Makes a DPoP proof, a new one each time. */
export type DpopProver = (call: ProvenCall) => Promise<string>

/** Makes proofs that whoever uses a token holds the key it is bound to (RFC 9449 §4.2). Throws where the key is none. */
export async function dpopProver(key: Jwk, token: string): Promise<DpopProver> {
  // Only now is it known whether the halves of the key belong together.
  await primitives.signingKey(suiteOfKey(key), key)
  const signer = tokenSigner(key)
  const header = { typ: 'dpop+jwt', jwk: publicMembers(key) }
  const ath = await hashOf(token)
  return ({ method, url, nonce, nowSeconds }) => {
    const claims = { jti: randomNonce(), htm: method, htu: url, iat: nowSeconds, ath }
    return signer.sign(nonce === undefined ? claims : { ...claims, nonce }, header)
  }
}
