import { primitives } from '#crypto'
import { toBase64url } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { parseBundle, type TrustBundle } from '../../src/trust/bundle.ts'
import { compileTrust, type Trust } from '../../src/trust/trust.ts'

export const NOW = 1_800_000_000
export const ORDERS = 'spiffe://acme.test/orders'

export type Json = Record<string, unknown>

export const clockAt = (seconds = NOW) => createFakeClock(seconds * 1000)

export async function trustOf(bundle: unknown, generation = 1): Promise<Trust> {
  return compileTrust(parseBundle(bundle), generation)
}

/** A token with any header and claims, objects or raw JSON texts, signed by the key. */
export async function forge(header: Json | string, claims: Json | string, key: Jwk): Promise<string> {
  const part = (value: Json | string) => toBase64url(utf8(typeof value === 'string' ? value : JSON.stringify(value)))
  const input = `${part(header)}.${part(claims)}`
  const signingKey = await primitives.signingKey(suiteOfKey(key), key)
  return `${input}.${toBase64url(await primitives.sign(signingKey, utf8(input)))}`
}

/** An anchor, a proof key, a seal key, and a trust bundle with the anchor. */
export async function domain(name = 'acme.test') {
  const anchor = await generateKey({ alg: 'ES256', kid: 'anchor-1' })
  const proof = await generateKey({ alg: 'ES256' })
  const seal = await generateKey({ alg: 'X25519' })
  const { kid: _, ...cnf } = publicJwk(proof)
  const header: Json = { alg: 'ES256', kid: 'anchor-1', typ: 'wit+jwt' }
  const claims: Json = { sub: `spiffe://${name}/orders`, iat: NOW, exp: NOW + 3600, jti: 'token-1', cnf: { jwk: cnf } }
  const bundle: TrustBundle = { trust_domains: { [name]: { keys: [publicJwk(anchor)] } } }
  return { anchor, proof, seal, cnf: cnf as Json, header, claims, bundle, trust: await trustOf(bundle) }
}

/** The error that a body throws or rejects with. */
export async function failureOf(body: () => unknown): Promise<unknown> {
  try {
    await body()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
