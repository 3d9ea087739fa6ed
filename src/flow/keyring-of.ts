import { CountersignError } from '../core/errors.ts'
import type { MacKey } from '../crypto/primitives.ts'
import { createKeyring, type Keyring, sessionKeyring } from '../envelope/keyring.ts'
import type { SealKey } from '../token/wallet.ts'

const rings = new WeakMap<readonly SealKey[], Keyring>()

/** The keyring over a workload's seal keys: made once for each state of them. */
export function keyringOf(keys: readonly SealKey[]): Keyring {
  const known = rings.get(keys)
  if (known !== undefined) return known
  const [newest] = keys
  // Condition: a sealed body for a workload without a seal key is refused.
  if (newest === undefined) throw new CountersignError('unopened', { detail: { step: 'no-recipient' } })
  const ring = createKeyring({
    primary: newest.kid,
    keys: Object.fromEntries(keys.map(({ kid, jwk }) => [kid, jwk])),
  })
  rings.set(keys, ring)
  return ring
}

const directions = new WeakMap<MacKey, Keyring>()

/** The keyring of one direction of a session: made once for its key. */
export function sessionKeyringOf(id: string, key: MacKey): Keyring {
  const known = directions.get(key)
  if (known !== undefined) return known
  const ring = sessionKeyring(id, key)
  directions.set(key, ring)
  return ring
}
