import { advance } from '../../core/advance.ts'
import type { Fields } from '../../core/message.ts'
import { createTokenProof } from '../../signature/token-proof.ts'
import { mintProofToken, PROOF_TOKEN } from '../../token/proof-token.ts'
import type { Engine } from '../engine.ts'
import type { Sealed, Signed } from './stages.ts'

/** Proves a call by a proof token, for peers that speak only tokens (draft-ietf-wimse-wpt): who calls whom, and no more. */
export async function signByToken(engine: Engine, call: Sealed, given: Fields): Promise<Signed> {
  const { created, expires, name, method, target, url, options } = call
  const { token, signingKey } = await engine.credentials.current()
  const audience = options.audience ?? url.origin + target.path
  const carrier = (field: string) => given.all(field)
  const text = await mintProofToken({ token, signingKey, audience, expires, id: name, carrier })
  const fields = given.with({ 'workload-identity-token': token, [PROOF_TOKEN]: text })
  const proof = createTokenProof({ audience, created, expires, id: name, covered: new Set() })
  return advance(call, { request: { method, target: target.target, fields }, proof })
}
