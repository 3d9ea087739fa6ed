import nodeCrypto, {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from 'node:crypto'
import { toBase64url } from '../core/base64url.ts'
import { type Bytes, equalBytes } from '../core/bytes.ts'
import { isSoundPoint } from './ed25519-strict.ts'
import { coordinate, isPoint, keyInvalid, pointOf, privateMembers, publicMembers } from './members.ts'
import type { AeadKey, AgreementKey, Handle, Jwk, MacKey, Primitives, SigningKey, VerifyingKey } from './primitives.ts'
import type { Curve, SignatureSuite } from './suites.ts'

const TAG_BYTES = 16
const NONCE_BYTES = 12

interface Held {
  readonly key: KeyObject
  readonly suite?: SignatureSuite
  readonly curve?: Curve
}

// A handle is opaque to everybody else: the one place where it is made and the one where it is read.
const seal = <Name extends string>(held: Held) => held as unknown as Handle<Name>
const look = (handle: Handle<string>) => handle as unknown as Held

/** A view without copying: node's Buffers come from ArrayBuffers of their own or of the pool. */
function own(buffer: Buffer): Bytes {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length)
}

function importKey<T>(create: () => T): T {
  try {
    return create()
  } catch {
    // The cause may quote the key.
    throw keyInvalid('the key material is not valid for its type')
  }
}

/** The public point that belongs to a private key. Of an EC key node would only repeat what the JWK says. */
function derivedPoint(crv: string, d: string, key: KeyObject): Bytes {
  if (crv !== 'P-256') return pointOf(createPublicKey(key).export({ format: 'jwk' }))
  const pair = createECDH('prime256v1')
  pair.setPrivateKey(coordinate(d))
  return own(pair.getPublicKey())
}

function privateKeyOf(crv: Curve | SignatureSuite['crv'], jwk: Jwk): KeyObject {
  const members = privateMembers(crv, jwk)
  const key = importKey(() => createPrivateKey({ format: 'jwk', key: { ...members } }))
  const point = importKey(() => derivedPoint(crv, members.d, key))
  // Condition: a private key whose public half is another key's is refused.
  if (!equalBytes(point, pointOf(members))) throw keyInvalid('the public half is another key’s')
  return key
}

function publicKeyOf(suite: SignatureSuite, jwk: Jwk): KeyObject {
  const members = publicMembers(suite.crv, jwk)
  if (suite.name === 'Ed25519' && !isSoundPoint(pointOf(members))) {
    throw keyInvalid('the key material is not valid for its type')
  }
  return importKey(() => createPublicKey({ format: 'jwk', key: { ...members } }))
}

function pointKey(curve: Curve, point: Uint8Array): KeyObject | undefined {
  if (!isPoint(curve, point)) return undefined
  const members =
    curve === 'P-256'
      ? { kty: 'EC', crv: curve, x: toBase64url(point.subarray(1, 33)), y: toBase64url(point.subarray(33)) }
      : { kty: 'OKP', crv: curve, x: toBase64url(point) }
  try {
    return createPublicKey({ format: 'jwk', key: members })
  } catch {
    return undefined
  }
}

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32
const SCRATCH_BYTES = 16_384
const INNER = 0x36
/** What the two blocks of a key differ by, in each byte. */
const INNER_TO_OUTER = 0x36 ^ 0x5c
const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES + SCRATCH_BYTES)

/** One-shot hashing: Node's stream of a hash, and still more its HMAC, costs several times as much for a short message. */
function sha256(data: Uint8Array, encoding: 'base64' | 'binary'): string {
  return nodeCrypto.hash === undefined
    ? createHash('sha256').update(data).digest(encoding)
    : nodeCrypto.hash('sha256', data, encoding)
}

/** Puts the bytes that a binary string stands for: for 32 of them quicker than any call of Node's. */
function putBinary(target: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < DIGEST_BYTES; i++) target[at + i] = text.charCodeAt(i)
}

/** The outer hash of a MAC: the outer block of the key, then the digest of the inner hash. */
const outer = Buffer.allocUnsafeSlow(BLOCK_BYTES + DIGEST_BYTES)

/** A key of HMAC: the block its inner hash begins with (RFC 2104). Nothing that prints it can show it. */
class HmacKey {
  // Of this size V8 keeps the bytes within the object: a process has thousands, and comes to most of them after long.
  readonly #inner = new Uint8Array(BLOCK_BYTES)

  constructor(raw: Uint8Array) {
    const key = raw.length > BLOCK_BYTES ? createHash('sha256').update(raw).digest() : raw
    for (let i = 0; i < BLOCK_BYTES; i++) this.#inner[i] = (i < key.length ? (key[i] as number) : 0) ^ INNER
  }

  /** Room for a message behind the inner block. Nothing waits between this and the hash: the room is everybody's. */
  roomFor(length: number): Buffer {
    const room =
      length <= SCRATCH_BYTES ? scratch.subarray(0, BLOCK_BYTES + length) : Buffer.allocUnsafeSlow(BLOCK_BYTES + length)
    room.set(this.#inner)
    return room
  }

  /** The MAC of the message that was put there. */
  finish(message: Buffer, encoding: 'base64' | 'binary'): string {
    const inner = this.#inner
    for (let i = 0; i < BLOCK_BYTES; i++) outer[i] = (inner[i] as number) ^ INNER_TO_OUTER
    putBinary(outer, BLOCK_BYTES, sha256(message, 'binary'))
    return sha256(outer, encoding)
  }
}

// Opaque to everybody else, as the handles above.
const hmacKeyOf = (key: MacKey) => key as unknown as HmacKey

/** `node:crypto`, synchronous: a small operation costs a few microseconds instead of a turn of the thread pool. */
export const primitives: Primitives = Object.freeze({
  name: 'node' as const,

  digest(name: 'SHA-256' | 'SHA-512', data: Uint8Array): Bytes {
    return own(
      createHash(name === 'SHA-256' ? 'sha256' : 'sha512')
        .update(data)
        .digest(),
    )
  },

  // One call, and the text is made where the digest is: a third of what a Buffer and its base64 cost.
  digestText: (data: Uint8Array): string => sha256(data, 'base64'),

  macKey: (raw: Uint8Array): MacKey => new HmacKey(raw) as unknown as MacKey,

  mac(key: MacKey, ...data: readonly Uint8Array[]): Bytes {
    let length = 0
    for (const piece of data) length += piece.length
    const message = hmacKeyOf(key).roomFor(length)
    let at = BLOCK_BYTES
    for (const piece of data) {
      message.set(piece, at)
      at += piece.length
    }
    const mac = new Uint8Array(DIGEST_BYTES)
    putBinary(mac, 0, hmacKeyOf(key).finish(message, 'binary'))
    return mac
  },

  macText(key: MacKey, text: string): string | undefined {
    const { length } = text
    // With room for one more character any other text than ASCII takes more bytes than it has characters.
    const room = hmacKeyOf(key).roomFor(length + 4)
    if (room.write(text, BLOCK_BYTES) !== length) return undefined
    return hmacKeyOf(key).finish(room.subarray(0, BLOCK_BYTES + length), 'base64')
  },

  aeadKey(raw: Uint8Array): AeadKey {
    // Condition: an AES key of another size than 256 bits is refused.
    if (raw.length !== 32) throw keyInvalid('give 32 bytes')
    return seal({ key: createSecretKey(raw) })
  },

  encrypt(key: AeadKey, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): readonly Bytes[] {
    // Condition: an AES-GCM nonce of another size than 96 bits is refused.
    if (nonce.length !== NONCE_BYTES) throw keyInvalid('give a nonce of 12 bytes')
    const cipher = createCipheriv('aes-256-gcm', look(key).key, nonce, { authTagLength: TAG_BYTES })
    if (aad.length > 0) cipher.setAAD(aad)
    const ciphertext = cipher.update(plaintext)
    // Of GCM nothing is left to come: this makes the tag.
    cipher.final()
    return [own(ciphertext), own(cipher.getAuthTag())]
  },

  decrypt(key: AeadKey, nonce: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): Bytes | undefined {
    if (nonce.length !== NONCE_BYTES) throw keyInvalid('give a nonce of 12 bytes')
    if (ciphertext.length < TAG_BYTES) return undefined
    const end = ciphertext.length - TAG_BYTES
    const decipher = createDecipheriv('aes-256-gcm', look(key).key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(ciphertext.subarray(end))
    if (aad.length > 0) decipher.setAAD(aad)
    const plaintext = decipher.update(ciphertext.subarray(0, end))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    return own(plaintext)
  },

  signingKey: (suite: SignatureSuite, jwk: Jwk): SigningKey => seal({ key: privateKeyOf(suite.crv, jwk), suite }),

  verifyingKey: (suite: SignatureSuite, jwk: Jwk): VerifyingKey => seal({ key: publicKeyOf(suite, jwk), suite }),

  sign(key: SigningKey, data: Uint8Array): Bytes {
    const held = look(key)
    if (held.suite?.name === 'ES256') return own(signWith('sha256', data, { key: held.key, dsaEncoding: 'ieee-p1363' }))
    return own(signWith(null, data, held.key))
  },

  verify(key: VerifyingKey, data: Uint8Array, signature: Uint8Array): boolean {
    const held = look(key)
    // Condition: a signature of another size than 64 bytes does not verify.
    if (signature.length !== 64) return false
    if (held.suite?.name === 'ES256') {
      return verifyWith('sha256', data, { key: held.key, dsaEncoding: 'ieee-p1363' }, signature)
    }
    return verifyWith(null, data, held.key, signature)
  },

  agreementKey: (curve: Curve, jwk: Jwk): AgreementKey => seal({ key: privateKeyOf(curve, jwk), curve }),

  generateAgreement(curve: Curve): { key: AgreementKey; jwk: Jwk; point: Bytes } {
    const pair = curve === 'P-256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('x25519')
    const jwk = pair.publicKey.export({ format: 'jwk' }) as Jwk
    return { key: seal({ key: pair.privateKey, curve }), jwk, point: pointOf(jwk) }
  },

  agree(key: AgreementKey, point: Uint8Array): Bytes | undefined {
    const { key: privateKey, curve = 'P-256' } = look(key)
    const publicKey = pointKey(curve, point)
    if (publicKey === undefined) return undefined
    try {
      const secret = own(diffieHellman({ privateKey, publicKey }))
      // Condition: an all-zero X25519 secret is refused.
      return curve === 'X25519' && equalBytes(secret, new Uint8Array(32)) ? undefined : secret
    } catch {
      return undefined
    }
  },
})
