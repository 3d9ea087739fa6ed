import { constants, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { toBase64 } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import {
  bitString,
  boolean,
  commonName,
  element,
  explicit,
  integer,
  nothing,
  octetString,
  oid,
  sequence,
  time,
} from './der.ts'

/** The middle of the lives of all certificates that say nothing else. */
export const NOW_MS = Date.UTC(2026, 5, 15, 12)
const HOUR_MS = 3_600_000
const YEAR_MS = 8_760 * HOUR_MS

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const ecKey = (namedCurve: 'P-256' | 'P-384' | 'P-521' = 'P-256'): KeyPair =>
  generateKeyPairSync('ec', { namedCurve })
export const ed25519Key = (): KeyPair => generateKeyPairSync('ed25519')
export const rsaKey = (modulusLength: number, publicExponent = 65_537): KeyPair =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent })

/** How a certificate is signed: the algorithm as it is written, and what makes the bytes. */
export interface Signing {
  readonly algorithm: Uint8Array
  readonly make: (tbs: Uint8Array, key: KeyObject) => Uint8Array
}

const ecdsa = (name: string, hash: string): Signing => ({
  algorithm: sequence(oid(name)),
  make: (tbs, key) => sign(hash, tbs, key),
})
const pkcs1 = (name: string, hash: string): Signing => ({
  algorithm: sequence(oid(name), nothing()),
  make: (tbs, key) => sign(hash, tbs, key),
})
function pss(hashName: string, hash: string, saltLength: number): Signing {
  const hashAlgorithm = sequence(oid(hashName), nothing())
  const mask = sequence(oid('1.2.840.113549.1.1.8'), hashAlgorithm)
  const parameters = sequence(explicit(0, hashAlgorithm), explicit(1, mask), explicit(2, integer(saltLength)))
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return {
    algorithm: sequence(oid('1.2.840.113549.1.1.10'), parameters),
    make: (tbs, key) => sign(hash, tbs, { key, padding, saltLength }),
  }
}

export const signings = {
  'ecdsa-sha256': ecdsa('1.2.840.10045.4.3.2', 'sha256'),
  'ecdsa-sha384': ecdsa('1.2.840.10045.4.3.3', 'sha384'),
  'ecdsa-sha512': ecdsa('1.2.840.10045.4.3.4', 'sha512'),
  'ecdsa-sha1': ecdsa('1.2.840.10045.4.1', 'sha1'),
  ed25519: { algorithm: sequence(oid('1.3.101.112')), make: (tbs, key) => sign(null, tbs, key) },
  'rsa-sha256': pkcs1('1.2.840.113549.1.1.11', 'sha256'),
  'rsa-sha384': pkcs1('1.2.840.113549.1.1.12', 'sha384'),
  'rsa-sha512': pkcs1('1.2.840.113549.1.1.13', 'sha512'),
  'rsa-sha1': pkcs1('1.2.840.113549.1.1.5', 'sha1'),
  'rsa-md5': pkcs1('1.2.840.113549.1.1.4', 'md5'),
  'pss-sha256': pss('2.16.840.1.101.3.4.2.1', 'sha256', 32),
  'pss-sha384': pss('2.16.840.1.101.3.4.2.2', 'sha384', 48),
  'pss-sha512': pss('2.16.840.1.101.3.4.2.3', 'sha512', 64),
  'pss-sha1': pss('1.3.14.3.2.26', 'sha1', 20),
  'pss-short-salt': pss('2.16.840.1.101.3.4.2.1', 'sha256', 20),
} satisfies Record<string, Signing>

export type SigningName = keyof typeof signings

/** A certificate and the key in it. */
export interface Made {
  readonly der: Uint8Array
  readonly name: Uint8Array
  readonly key: KeyPair
}

/** What to make; what is left out is as it should be. */
export interface Recipe {
  readonly by?: Made
  readonly name?: string
  readonly key?: KeyPair
  readonly signing?: SigningName
  readonly uris?: readonly string[]
  readonly notBefore?: number
  readonly notAfter?: number
  readonly extensions?: readonly Uint8Array[]
  /** Parts of the signed structure, in DER, that replace those that would stand there. */
  readonly parts?: Partial<Parts>
}

interface Parts {
  readonly version: Uint8Array
  readonly serial: Uint8Array
  readonly algorithm: Uint8Array
  readonly issuer: Uint8Array
  readonly validity: Uint8Array
  readonly subject: Uint8Array
  readonly spki: Uint8Array
  readonly extensions: Uint8Array
}

export const extension = (name: string, value: Uint8Array, isCritical = false): Uint8Array =>
  sequence(oid(name), ...(isCritical ? [boolean()] : []), octetString(value))

export const uriName = (uri: string) => element(0x86, utf8(uri))
export const dnsName = (name: string) => element(0x82, utf8(name))
export const alternativeNames = (...names: readonly Uint8Array[]) => extension('2.5.29.17', sequence(...names))
export const basicConstraints = (...content: readonly Uint8Array[]) =>
  extension('2.5.29.19', sequence(...content), true)

/** The named bits of a key usage as DER has them: none behind the last one. */
export function keyUsage(bits: readonly number[], isCritical = true): Uint8Array {
  const last = Math.max(...bits)
  const bytes = new Uint8Array((last >> 3) + 1)
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return extension('2.5.29.15', bitString(bytes, 7 - (last & 7)), isCritical)
}

export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const extendedKeyUsage = (...uses: readonly string[]) => extension('2.5.29.37', sequence(...uses.map(oid)))

export const leafUsage = keyUsage([0])
export const bothUses = extendedKeyUsage(SERVER_AUTH, CLIENT_AUTH)
export const caUsage = keyUsage([5, 6])

const names = (uris: readonly string[]) => (uris.length === 0 ? [] : [alternativeNames(...uris.map(uriName))])
const DEFAULT_SIGNING: Readonly<Record<string, SigningName>> = {
  ec: 'ecdsa-sha256',
  ed25519: 'ed25519',
  rsa: 'rsa-sha256',
}

let count = 0

function make(recipe: Recipe, lifeMs: number): Made {
  const key = recipe.key ?? ecKey()
  const name = commonName(recipe.name ?? `made ${++count}`)
  const signer = recipe.by?.key.privateKey ?? key.privateKey
  const { algorithm, make: signWith } =
    signings[recipe.signing ?? DEFAULT_SIGNING[signer.asymmetricKeyType ?? ''] ?? 'ed25519']
  const { notBefore = NOW_MS - lifeMs, notAfter = NOW_MS + lifeMs } = recipe
  const parts: Parts = {
    version: explicit(0, integer(2)),
    serial: integer(0x01, ...randomBytes(8)),
    algorithm,
    issuer: recipe.by?.name ?? name,
    validity: sequence(time(new Date(notBefore)), time(new Date(notAfter))),
    subject: name,
    spki: key.publicKey.export({ format: 'der', type: 'spki' }),
    extensions: explicit(3, sequence(...(recipe.extensions ?? []))),
    ...recipe.parts,
  }
  const { version, serial, issuer, validity, subject, spki, extensions } = parts
  const tbs = sequence(version, serial, parts.algorithm, issuer, validity, subject, spki, extensions)
  return { der: sequence(tbs, algorithm, bitString(signWith(tbs, signer))), name: subject, key }
}

/** A certificate as a workload shows it: an hour to come, one URI, both uses. */
export function makeLeaf(recipe: Recipe = {}): Made {
  const { uris = ['spiffe://acme.test/orders'] } = recipe
  return make({ extensions: [leafUsage, bothUses, ...names(uris)], ...recipe }, HOUR_MS)
}

/** A certificate that signs others: its own where nobody else signs it. `pathLength` bounds the CAs below it. */
export function makeCa(recipe: Recipe & { readonly pathLength?: number } = {}): Made {
  const { uris = [], pathLength } = recipe
  const constraints = basicConstraints(boolean(), ...(pathLength === undefined ? [] : [integer(pathLength)]))
  return make({ extensions: [constraints, caUsage, ...names(uris)], ...recipe }, YEAR_MS)
}

/** A CA certificate as an entry of a SPIFFE bundle. */
export function bundleEntry(ca: Made, ...more: readonly Made[]): Jwk {
  const jwk = ca.key.publicKey.export({ format: 'jwk' }) as Jwk
  return { ...jwk, use: 'x509-svid', x5c: [ca, ...more].map(({ der }) => toBase64(der)) }
}
