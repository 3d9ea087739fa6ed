import { primitives } from '#crypto'
import { toBase64url } from '../core/base64url.ts'
import { utf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { checkGiven } from '../core/given.ts'
import { randomBytes, randomNonce } from '../core/random.ts'
import { generateCurveKey } from '../crypto/curves.ts'
import type { Jwk } from '../crypto/primitives.ts'

/** A set of keys as JSON (RFC 7517 §5). */
export interface JwkSet {
  readonly keys: readonly Jwk[]
}

/** What `generateKey` can make: keys that sign, keyring keys, recipient keys. */
export type KeyAlgorithm = 'ES256' | 'Ed25519' | 'A256KW' | 'P-256' | 'X25519'

/** What `generateKey` takes: the algorithm, and a name where its thumbprint shall not be the name. */
export interface GenerateKeyOptions {
  readonly alg: KeyAlgorithm
  readonly kid?: string
}

const PRIVATE_MEMBERS: readonly string[] = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth']
/** What a key is, in the order that RFC 7638 §3.2 demands. */
const IDENTITY: Readonly<Record<string, readonly string[]>> = Object.freeze(
  Object.assign(Object.create(null), {
    EC: ['crv', 'kty', 'x', 'y'],
    OKP: ['crv', 'kty', 'x'],
    RSA: ['e', 'kty', 'n'],
    oct: ['k', 'kty'],
  }),
)

function keyInvalid(fix: string): CountersignError {
  return new CountersignError('key-invalid', { detail: { fix } })
}

/** Tells whether a key has members that nobody but its owner may see. */
export function hasPrivateMembers(jwk: Jwk): boolean {
  return PRIVATE_MEMBERS.some((member) => member in jwk)
}

/**
 * Takes the private members off a key, so that it can be given away. It does not check that the key is sound.
 *
 * @param jwk a private or public key; symmetric keys have no public half
 * @throws `key-invalid` for a symmetric key or an unknown type
 * @example
 * const trust = trustBundle({ trust_domains: { 'acme.internal': { keys: [publicJwk(key)] } } })
 * @see RFC 7517 §4, RFC 7518 §6
 */
export function publicJwk(jwk: Jwk): Jwk {
  checkGiven(jwk, 'publicJwk', 'give a JWK')
  // Condition: a symmetric key has no public half to give away.
  if (!['EC', 'OKP', 'RSA'].includes(jwk.kty)) throw keyInvalid('give a key of type EC, OKP or RSA')
  const members = Object.entries(jwk).filter(([name]) => !PRIVATE_MEMBERS.includes(name) && name !== 'key_ops')
  return Object.freeze({ ...Object.fromEntries(members), kty: jwk.kty })
}

/** The members that make a key this key, in one spelling: what its thumbprint is the digest of. */
export function keyIdentity(jwk: Jwk): string {
  const names = IDENTITY[jwk.kty]
  if (names === undefined) throw keyInvalid('give a key of type EC, OKP, RSA or oct')
  const members = names.map((name) => {
    const value = jwk[name]
    if (typeof value !== 'string') throw keyInvalid(`the key lacks the member "${name}"`)
    return [name, value] as const
  })
  return JSON.stringify(Object.fromEntries(members))
}

/** The name of a key by its contents (RFC 7638), base64url of SHA-256. */
export async function thumbprint(jwk: Jwk): Promise<string> {
  return toBase64url(await primitives.digest('SHA-256', utf8(keyIdentity(jwk))))
}

async function generatePair(algorithm: EcKeyGenParams | { name: string }, usages: KeyUsage[]): Promise<Jwk> {
  const pair = (await crypto.subtle.generateKey(algorithm, true, usages)) as CryptoKeyPair
  const { kty, crv, x, y, d } = (await crypto.subtle.exportKey('jwk', pair.privateKey)) as Jwk
  return Object.fromEntries(Object.entries({ kty, crv, x, y, d }).filter(([, value]) => value !== undefined)) as Jwk
}

/** Curve25519 is young in WebCrypto: where a runtime lacks it, the key is made without. */
async function generateCurve(crv: 'Ed25519' | 'X25519'): Promise<Jwk> {
  try {
    return await generatePair({ name: crv }, crv === 'Ed25519' ? ['sign', 'verify'] : ['deriveBits'])
  } catch {
    return generateCurveKey(crv)
  }
}

const generators: Readonly<Record<KeyAlgorithm, () => Promise<Jwk>>> = Object.freeze({
  ES256: async () => ({
    ...(await generatePair({ name: 'ECDSA', namedCurve: 'P-256' }, ['sign', 'verify'])),
    alg: 'ES256',
  }),
  Ed25519: async () => ({ ...(await generateCurve('Ed25519')), alg: 'Ed25519' }),
  'P-256': async () => ({
    ...(await generatePair({ name: 'ECDH', namedCurve: 'P-256' }, ['deriveBits'])),
    use: 'enc',
  }),
  X25519: async () => ({ ...(await generateCurve('X25519')), use: 'enc' }),
  A256KW: async () => ({ kty: 'oct', k: toBase64url(randomBytes(32)), alg: 'A256KW' }),
})

/**
 * Makes a key: `ES256` or `Ed25519` to sign with, `P-256` or `X25519` for recipients of sealed bytes (`use: "enc"`),
 * `A256KW` for keyrings (32 random bytes). The result is a private key: keep it where secrets are kept, and give
 * `publicJwk` of it to others. It is used for one purpose only.
 *
 * @param options `alg`, and `kid`: by default the RFC 7638 thumbprint, for symmetric keys 128 random bits, because a
 *   thumbprint of a secret says something about it (RFC 7638 §7)
 * @throws `option-invalid` for another `alg`
 * @example
 * const key = await generateKey({ alg: 'ES256' })
 * @see RFC 7517, RFC 8037
 */
export async function generateKey(options: GenerateKeyOptions): Promise<Jwk> {
  checkGiven(options, 'generateKey')
  const { alg, kid } = options
  // Condition: a key for an unknown algorithm is not made.
  if (!Object.hasOwn(generators, alg)) {
    const fix = `write one of ${Object.keys(generators).join(', ')}`
    throw new CountersignError('option-invalid', { detail: { option: 'generateKey.alg', fix } })
  }
  const jwk = await generators[alg]()
  return Object.freeze({ ...jwk, kid: kid ?? (jwk.kty === 'oct' ? randomNonce() : await thumbprint(jwk)) })
}
