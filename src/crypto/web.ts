import { toBase64 } from '../core/base64url.ts'
import { type Bytes, concat, equalBytes, utf8 } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import {
  agreeX25519,
  ed25519Pair,
  generateCurveKey,
  signEd25519Sync,
  verifyEd25519Sync,
  x25519Scalar,
} from './curves.ts'
import { isReduced, isSoundPoint } from './ed25519-strict.ts'
import { isPoint, keyInvalid, type PublicMembers, pointOf, privateMembers, publicMembers } from './members.ts'
import type { AeadKey, AgreementKey, Handle, Jwk, MacKey, Primitives, SigningKey, VerifyingKey } from './primitives.ts'
import type { Curve, SignatureSuite } from './suites.ts'

const TAG_BYTES = 16
const NONCE_BYTES = 12
const KEY_BYTES = 32
const ZERO = new Uint8Array(KEY_BYTES)

type CurveName = 'Ed25519' | 'X25519'

/** Tells whether the runtime's WebCrypto has a curve. */
export type Supports = (curve: CurveName) => MaybePromise<boolean>

interface Signer {
  sign(data: Uint8Array): MaybePromise<Bytes>
}
interface Verifier {
  verify(data: Uint8Array, signature: Uint8Array): MaybePromise<boolean>
}
interface Agreer {
  readonly curve: Curve
  agree(point: Uint8Array): MaybePromise<Bytes | undefined>
}

// A handle is opaque to everybody else: the one place where it is made and the one where it is read.
const seal = <Name extends string>(held: CryptoKey | Signer | Verifier | Agreer) => held as unknown as Handle<Name>
const look = <T>(handle: Handle<string>) => handle as unknown as T

// WebCrypto's types exclude shared memory, which no caller has.
const own = (data: Uint8Array) => data as Bytes

async function importKey(members: JsonWebKey, algorithm: EcKeyImportParams | { name: string }, usages: KeyUsage[]) {
  try {
    return await crypto.subtle.importKey('jwk', members, algorithm, false, usages)
  } catch {
    // The cause may quote the key.
    throw keyInvalid('the key material is not valid for its type')
  }
}

const importParameters = (suite: SignatureSuite) =>
  suite.name === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }

const signParameters = (suite: SignatureSuite) =>
  suite.name === 'ES256' ? { name: 'ECDSA', hash: 'SHA-256' } : { name: 'Ed25519' }

async function createSigner(suite: SignatureSuite, jwk: Jwk, supports: Supports): Promise<Signer> {
  const members = privateMembers(suite.crv, jwk)
  if (suite.name === 'Ed25519' && !(await supports('Ed25519'))) {
    const pair = ed25519Pair(jwk)
    return { sign: (data) => signEd25519Sync(pair, data) }
  }
  const key = await importKey(members, importParameters(suite), ['sign'])
  const sign = async (data: Uint8Array) =>
    new Uint8Array(await crypto.subtle.sign(signParameters(suite), key, own(data)))
  const verifier = await createVerifier(suite, jwk, supports)
  // WebCrypto need not compare the halves of a key, and shows neither: what one signs, the other must verify.
  if (!(await verifier.verify(ZERO, await sign(ZERO)))) throw keyInvalid('the public half is another key’s')
  return { sign }
}

async function createVerifier(suite: SignatureSuite, jwk: Jwk, supports: Supports): Promise<Verifier> {
  const members = publicMembers(suite.crv, jwk)
  const ed25519 = suite.name === 'Ed25519'
  const point = pointOf(members)
  if (ed25519 && !isSoundPoint(point)) throw keyInvalid('the key material is not valid for its type')
  if (ed25519 && !(await supports('Ed25519'))) {
    return { verify: (data, signature) => verifyEd25519Sync(point, data, signature) }
  }
  const key = await importKey({ ...members }, importParameters(suite), ['verify'])
  return {
    async verify(data, signature) {
      if (ed25519 && !isReduced(signature.subarray(KEY_BYTES))) return false
      return crypto.subtle.verify(signParameters(suite), key, own(signature), own(data))
    },
  }
}

const agreeParameters = (curve: Curve) =>
  curve === 'P-256' ? { name: 'ECDH', namedCurve: 'P-256' } : { name: 'X25519' }

function nativeAgreer(curve: Curve, privateKey: CryptoKey): Agreer {
  const parameters = agreeParameters(curve)
  return {
    curve,
    async agree(point) {
      try {
        const key = await crypto.subtle.importKey('raw', own(point), parameters, false, [])
        const bits = await crypto.subtle.deriveBits({ name: parameters.name, public: key }, privateKey, KEY_BYTES * 8)
        const secret = new Uint8Array(bits)
        // Only X25519 takes points that lead to zero whatever the private key is.
        return curve === 'X25519' && equalBytes(secret, ZERO) ? undefined : secret
      } catch {
        return undefined
      }
    },
  }
}

const curveAgreer = (scalar: Uint8Array): Agreer => ({ curve: 'X25519', agree: (point) => agreeX25519(scalar, point) })

async function createAgreer(curve: Curve, jwk: Jwk, supports: Supports): Promise<Agreer> {
  const members = privateMembers(curve, jwk)
  if (curve === 'X25519' && !(await supports('X25519'))) return curveAgreer(x25519Scalar(jwk))
  const agreer = nativeAgreer(curve, await importKey(members, agreeParameters(curve), ['deriveBits']))
  const other = await generate(curve, supports)
  const [mine, theirs] = [await agreer.agree(other.point), await other.agreer.agree(pointOf(members))]
  // As for signing keys: both halves must lead to one secret.
  if (mine === undefined || theirs === undefined || !equalBytes(mine, theirs)) {
    throw keyInvalid('the public half is another key’s')
  }
  return agreer
}

async function generate(
  curve: Curve,
  supports: Supports,
): Promise<{ agreer: Agreer; jwk: PublicMembers; point: Bytes }> {
  if (curve === 'X25519' && !(await supports('X25519'))) {
    const made = generateCurveKey('X25519')
    const jwk = publicMembers(curve, made)
    return { agreer: curveAgreer(x25519Scalar(made)), jwk, point: pointOf(jwk) }
  }
  const pair = (await crypto.subtle.generateKey(agreeParameters(curve), false, ['deriveBits'])) as CryptoKeyPair
  const jwk = publicMembers(curve, (await crypto.subtle.exportKey('jwk', pair.publicKey)) as Jwk)
  return { agreer: nativeAgreer(curve, pair.privateKey), jwk, point: pointOf(jwk) }
}

async function encryptAesGcm(
  key: AeadKey,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
): Promise<readonly Bytes[]> {
  if (nonce.length !== NONCE_BYTES) throw keyInvalid('give a nonce of 12 bytes')
  const parameters = { name: 'AES-GCM', iv: own(nonce), additionalData: own(aad), tagLength: TAG_BYTES * 8 }
  return [new Uint8Array(await crypto.subtle.encrypt(parameters, look<CryptoKey>(key), own(plaintext)))]
}

async function decryptAesGcm(key: AeadKey, nonce: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array) {
  if (nonce.length !== NONCE_BYTES) throw keyInvalid('give a nonce of 12 bytes')
  if (ciphertext.length < TAG_BYTES) return undefined
  const parameters = { name: 'AES-GCM', iv: own(nonce), additionalData: own(aad), tagLength: TAG_BYTES * 8 }
  try {
    return new Uint8Array(await crypto.subtle.decrypt(parameters, look<CryptoKey>(key), own(ciphertext)))
  } catch {
    return undefined
  }
}

/** WebCrypto, with tweetnacl in place of the curves that `supports` denies: tests deny both and compare. */
export function createWebPrimitives(supports: Supports): Primitives {
  return Object.freeze({
    name: 'web' as const,
    digest: async (hash: 'SHA-256' | 'SHA-512', data: Uint8Array) =>
      new Uint8Array(await crypto.subtle.digest(hash, own(data))),
    async macKey(raw: Uint8Array): Promise<MacKey> {
      // WebCrypto refuses an empty key; HMAC pads keys with zeros, so this is the same one.
      const padded = raw.length === 0 ? ZERO : own(raw)
      return seal(await crypto.subtle.importKey('raw', padded, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']))
    },
    digestText: async (data: Uint8Array) => toBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', own(data)))),

    async macText(key: MacKey, text: string): Promise<string | undefined> {
      const data = utf8(text)
      if (data.length !== text.length) return undefined
      return toBase64(new Uint8Array(await crypto.subtle.sign('HMAC', look<CryptoKey>(key), data)))
    },

    mac: async (key: MacKey, ...data: readonly Uint8Array[]) =>
      new Uint8Array(await crypto.subtle.sign('HMAC', look<CryptoKey>(key), concat(...data))),
    async aeadKey(raw: Uint8Array): Promise<AeadKey> {
      if (raw.length !== KEY_BYTES) throw keyInvalid('give 32 bytes')
      return seal(await crypto.subtle.importKey('raw', own(raw), 'AES-GCM', false, ['encrypt', 'decrypt']))
    },
    encrypt: encryptAesGcm,
    decrypt: decryptAesGcm,
    signingKey: async (suite: SignatureSuite, jwk: Jwk): Promise<SigningKey> =>
      seal(await createSigner(suite, jwk, supports)),
    verifyingKey: async (suite: SignatureSuite, jwk: Jwk): Promise<VerifyingKey> =>
      seal(await createVerifier(suite, jwk, supports)),
    sign: async (key: SigningKey, data: Uint8Array) => look<Signer>(key).sign(data),
    verify: async (key: VerifyingKey, data: Uint8Array, signature: Uint8Array) =>
      signature.length === 64 && look<Verifier>(key).verify(data, signature),
    agreementKey: async (curve: Curve, jwk: Jwk): Promise<AgreementKey> =>
      seal(await createAgreer(curve, jwk, supports)),
    async generateAgreement(curve: Curve) {
      const { agreer, jwk, point } = await generate(curve, supports)
      return { key: seal<'agreement'>(agreer), jwk: { ...jwk }, point }
    },
    async agree(key: AgreementKey, point: Uint8Array) {
      const { curve, agree } = look<Agreer>(key)
      return isPoint(curve, point) ? agree(point) : undefined
    },
  })
}

const detected = new Map<CurveName, Promise<boolean>>()

/** Asks the runtime once for each curve, when it is first needed. */
function detect(curve: CurveName): Promise<boolean> {
  const known = detected.get(curve)
  if (known !== undefined) return known
  const usages: KeyUsage[] = curve === 'Ed25519' ? ['sign', 'verify'] : ['deriveBits']
  const found = (async () => {
    try {
      await crypto.subtle.generateKey({ name: curve }, false, usages)
      return true
    } catch {
      return false
    }
  })()
  detected.set(curve, found)
  return found
}

/** WebCrypto: the reference implementation, in every runtime. */
export const primitives: Primitives = createWebPrimitives(detect)
