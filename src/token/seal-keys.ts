import { primitives } from '#crypto'
import { CountersignError } from '../core/errors.ts'
import type { Jwk } from '../crypto/primitives.ts'
import type { Curve } from '../crypto/suites.ts'
import { thumbprint } from '../keys/jwk.ts'

/** A key that opens what was sealed to this workload. */
export interface SealKey {
  /** RFC 7638 thumbprint: the name that envelopes call it by. */
  readonly kid: string
  /** Private. */
  readonly jwk: Jwk
  readonly curve: Curve
}

/** The seal keys of a workload over time. */
export interface SealKeyShelf {
  /** Puts these in front; where a token names one, it is kept until that token is of no use to anybody any more. */
  adopt(keys: readonly SealKey[], named?: { readonly kid: string; readonly expiresAt: number }): void
  /** The current ones, the first of the credentials first, then former ones. The same array until it changes. */
  list(now: number): readonly SealKey[]
}

/** A peer whose clock is late by the largest tolerance may seal until then, and its call takes as long to expire. */
const GRACE_MS = 600_000

async function importSealKey(jwk: Jwk): Promise<SealKey> {
  const curve = jwk.crv === 'P-256' ? 'P-256' : 'X25519'
  try {
    await primitives.agreementKey(curve, jwk)
  } catch {
    // Condition: credentials with a seal key whose halves do not belong together are refused.
    throw new CountersignError('credentials-invalid', {
      detail: { option: 'keys', fix: 'a key with "use": "enc" is not valid: give a private key as it was generated' },
    })
  }
  const kid = await thumbprint(jwk)
  return Object.freeze({ kid, jwk: Object.freeze({ ...jwk, kid }), curve })
}

/** The seal keys among the keys of credentials, in their order. */
export async function sealKeysOf(keys: readonly Jwk[]): Promise<readonly SealKey[]> {
  return Promise.all(keys.filter((jwk) => jwk.use === 'enc').map(importSealKey))
}

/** Makes an empty shelf. */
export function createSealKeyShelf(): SealKeyShelf {
  const named = new Map<string, { readonly key: SealKey; readonly until: number }>()
  let current: readonly SealKey[] = []
  let listed: readonly SealKey[] = Object.freeze([])
  let listedUntil = Number.POSITIVE_INFINITY

  function relist(now: number): void {
    for (const [kid, { until }] of named) if (until <= now) named.delete(kid)
    const kids = new Set(current.map(({ kid }) => kid))
    const former = [...named.values()].filter(({ key }) => !kids.has(key.kid))
    listed = Object.freeze([...current, ...former.map(({ key }) => key)])
    listedUntil = Math.min(...former.map(({ until }) => until))
  }

  return {
    adopt(keys, name) {
      current = keys
      const key = keys.find(({ kid }) => kid === name?.kid)
      if (name !== undefined && key !== undefined) {
        const until = Math.max(name.expiresAt + GRACE_MS, named.get(key.kid)?.until ?? 0)
        named.set(key.kid, { key, until })
      }
      relist(Number.NEGATIVE_INFINITY)
    },
    list(now) {
      if (now >= listedUntil) relist(now)
      return listed
    },
  }
}
