import { primitives } from '#crypto'
import { type Bytes, equalBytes } from '../core/bytes.ts'
import type { Curve } from '../crypto/suites.ts'
import { type Agreeing, hpkeUnwrapper } from './hpke-recipient.ts'
import { kekRecipient } from './kek.ts'
import { keyInvalid } from './misuse.ts'
import type { Unwrapper } from './recipient-type.ts'

const SECRET_BYTES = 32
const ZERO = new Uint8Array(SECRET_BYTES)

/** Tells a key of WebCrypto, one of another realm included. */
export function isCryptoKey(value: unknown): value is CryptoKey {
  return Object.prototype.toString.call(value) === '[object CryptoKey]'
}

/** Tells what WebCrypto generates for key agreement. */
export function isCryptoKeyPair(value: unknown): value is CryptoKeyPair {
  if (typeof value !== 'object' || value === null) return false
  return 'privateKey' in value && 'publicKey' in value && isCryptoKey(value.privateKey) && isCryptoKey(value.publicKey)
}

/** A symmetric key that shows no bytes: those of the wrapping keys are derived by it. */
export function symmetricCryptoKey(kid: string, key: CryptoKey, option: string): Unwrapper {
  // Condition: a CryptoKey that is no HKDF key for deriveBits is refused.
  if (key.algorithm.name !== 'HKDF' || !key.usages.includes('deriveBits')) {
    throw keyInvalid(option, 'import the 32 bytes as an "HKDF" key for "deriveBits", or give a pair for key agreement')
  }
  return kekRecipient(kid, key)
}

function curveOf({ algorithm }: CryptoKey): Curve | undefined {
  const { name, namedCurve }: KeyAlgorithm & { readonly namedCurve?: unknown } = algorithm
  if (name === 'X25519') return name
  return name === 'ECDH' && namedCurve === 'P-256' ? namedCurve : undefined
}

/** A recipient key that shows no bytes, with its public half, which WebCrypto does not find out by itself. */
export function pairOfCryptoKeys(kid: string, pair: CryptoKeyPair, option: string): Unwrapper {
  const { privateKey, publicKey } = pair
  const curve = curveOf(privateKey)
  const isPair = privateKey.type === 'private' && publicKey.type === 'public' && curveOf(publicKey) === curve
  // Condition: a pair of CryptoKeys that cannot agree on P-256 or X25519, or hides its public half, is refused.
  if (curve === undefined || !isPair || !privateKey.usages.includes('deriveBits') || !publicKey.extractable) {
    throw keyInvalid(option, 'generate it on P-256 or X25519 for "deriveBits", or give the private JWK')
  }
  let exported: Promise<Uint8Array> | undefined
  const point = () => {
    exported ??= exportPoint(publicKey)
    return exported
  }
  const alone = { curve, point, agree: (other: Uint8Array) => agree(curve, privateKey, other) }
  // At the first use, as for a JWK: a runtime may have no randomness before its first request.
  let compared: Promise<void> | undefined
  return hpkeUnwrapper(kid, {
    ...alone,
    async agree(other) {
      compared ??= compareHalves(alone, option)
      await compared
      return alone.agree(other)
    },
  })
}

async function exportPoint(publicKey: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))
}

async function agree(curve: Curve, privateKey: CryptoKey, point: Uint8Array): Promise<Bytes | undefined> {
  const algorithm = curve === 'P-256' ? { name: 'ECDH', namedCurve: curve } : { name: curve }
  try {
    const other = await crypto.subtle.importKey('raw', point as Bytes, algorithm, false, [])
    const bits = await crypto.subtle.deriveBits({ name: algorithm.name, public: other }, privateKey, SECRET_BYTES * 8)
    const secret = new Uint8Array(bits)
    return curve === 'X25519' && equalBytes(secret, ZERO) ? undefined : secret
  } catch {
    return undefined
  }
}

/** Both halves must lead to one secret: neither shows the other. */
async function compareHalves(own: Agreeing, option: string): Promise<void> {
  const other = await primitives.generateAgreement(own.curve)
  const [mine, theirs] = [await own.agree(other.point), await primitives.agree(other.key, await own.point())]
  // Condition: a pair of CryptoKeys whose halves are of two keys is refused at its first use.
  if (mine === undefined || theirs === undefined || !equalBytes(mine, theirs)) {
    throw keyInvalid(option, 'the public half is another key’s')
  }
}
