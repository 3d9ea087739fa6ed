import { CountersignError } from '../core/errors.ts'
import { createKeyring, type Keyring } from '../envelope/keyring.ts'
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
