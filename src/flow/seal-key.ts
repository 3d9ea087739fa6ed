import type { Jwk } from '../crypto/primitives.ts'
import type { Peer } from '../identity/peer.ts'
import type { VerifiedToken } from '../token/verify-wit.ts'
import type { Engine } from './engine.ts'

/** Whether somebody can open what is sealed to them: by the keys of a session, or by a seal key. */
export function canOpen(engine: Pick<Engine, 'trust'>, { session, peer, token }: Caller): boolean {
  return session !== undefined || sealKeyOf(engine, peer.id, token) !== undefined
}

/** What is known of a caller. */
interface Caller {
  readonly session: object | undefined
  readonly peer: Peer
  readonly token: VerifiedToken | undefined
}

/** The key to seal to for a peer: pinned in the trust bundle, else named in its verified token, else none. */
export function sealKeyOf(
  engine: Pick<Engine, 'trust'>,
  peer: string,
  token: VerifiedToken | undefined,
): Jwk | undefined {
  return engine.trust.current().sealKeysFor(peer)[0] ?? token?.sealKey
}
