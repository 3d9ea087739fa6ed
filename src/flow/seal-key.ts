import type { Jwk } from '../crypto/primitives.ts'
import type { VerifiedToken } from '../token/verify-wit.ts'
import type { Engine } from './engine.ts'

/** The key to seal to for a peer: pinned in the trust bundle, else named in its verified token, else none. */
export function sealKeyOf(
  engine: Pick<Engine, 'trust'>,
  peer: string,
  token: VerifiedToken | undefined,
): Jwk | undefined {
  return engine.trust.current().sealKeysFor(peer)[0] ?? token?.sealKey
}
