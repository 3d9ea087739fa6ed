import { hex } from '../core/bytes.ts'
import { DerReader, onlyElement, SEQUENCE } from './der.ts'
import { readBitString, readUnsigned } from './der-values.ts'

/** The public key of a certificate. */
export interface PublicKey {
  /** The whole structure (SubjectPublicKeyInfo): what makes it this key. */
  readonly spki: Uint8Array
  /** Undefined: a kind that is not accepted. */
  readonly type: 'P-256' | 'P-384' | 'Ed25519' | 'RSA' | undefined
  /** The point, the 32 bytes, or the structure of an RSA key. */
  readonly raw: Uint8Array
  /** What an RSA key is made of. */
  readonly rsa?: { readonly modulus: Uint8Array; readonly exponent: Uint8Array }
}

/** A signature that is accepted, by the key that makes it. */
export type SignatureType = 'ECDSA' | 'Ed25519' | 'RSA'

/** Algorithms in their one spelling, parameters included (RFC 5480, RFC 8410, RFC 4055). */
const KEYS: ReadonlyMap<string, NonNullable<PublicKey['type']>> = new Map([
  ['301306072a8648ce3d020106082a8648ce3d030107', 'P-256'],
  ['301006072a8648ce3d020106052b81040022', 'P-384'],
  ['300506032b6570', 'Ed25519'],
  ['300d06092a864886f70d0101010500', 'RSA'],
])

/** PSS with one hash throughout, and a salt of its length. */
function pss(hashEnd: string, saltHex: string): readonly [string, SignatureType][] {
  const sequence = (content: string) => `30${(content.length / 2).toString(16).padStart(2, '0')}${content}`
  const tagged = (tag: string, content: string) =>
    `${tag}${(content.length / 2).toString(16).padStart(2, '0')}${content}`
  return ['0500', ''].map((parameters) => {
    const hash = sequence(`0609608648016503040${hashEnd}${parameters}`)
    const mask = sequence(`06092a864886f70d010108${hash}`)
    const all = sequence(tagged('a0', hash) + tagged('a1', mask) + tagged('a2', `0201${saltHex}`))
    return [sequence(`06092a864886f70d01010a${all}`), 'RSA']
  })
}

const SIGNATURES: ReadonlyMap<string, SignatureType> = new Map<string, SignatureType>([
  ...['02', '03', '04'].map((hash) => [`300a06082a8648ce3d0403${hash}`, 'ECDSA'] as const),
  ['300506032b6570', 'Ed25519'],
  ...['0b', '0c', '0d'].map((hash) => [`300d06092a864886f70d0101${hash}0500`, 'RSA'] as const),
  ...pss('201', '20'),
  ...pss('202', '30'),
  ...pss('203', '40'),
])

const LENGTHS: Readonly<Record<string, number>> = { 'P-256': 65, 'P-384': 97, Ed25519: 32 }
const UNCOMPRESSED = 4
const LEAST_RSA_BITS = 2048
/** What costs more to verify is not tried. */
const MOST_RSA_BITS = 8192
const MOST_EXPONENT_BYTES = 4

/** The kind of signature an algorithm makes, or undefined where it is not accepted: SHA-1, MD5, DSA, other parameters. */
export function signatureTypeOf(algorithm: Uint8Array): SignatureType | undefined {
  return SIGNATURES.get(hex(algorithm))
}

export function readPublicKey(reader: DerReader): PublicKey {
  const { bytes: spki, content } = reader.next(SEQUENCE)
  const inside = new DerReader(content)
  const type = KEYS.get(hex(inside.next(SEQUENCE).bytes))
  const raw = readBitString(inside)
  inside.end()
  return { spki, type, raw, ...(type === 'RSA' ? { rsa: readRsa(raw) } : {}) }
}

function readRsa(raw: Uint8Array): NonNullable<PublicKey['rsa']> {
  const reader = new DerReader(onlyElement(raw, SEQUENCE).content)
  const rsa = { modulus: readUnsigned(reader), exponent: readUnsigned(reader) }
  reader.end()
  return rsa
}

function bitsOf(integer: Uint8Array): number {
  return integer.length * 8 - (Math.clz32(integer[0] as number) - 24)
}

/** Whether a key is of an accepted kind and strength: P-256, P-384, Ed25519, or RSA of 2048 to 8192 bits. */
export function isStrong({ type, raw, rsa }: PublicKey): boolean {
  if (type === undefined) return false
  if (rsa === undefined) return raw.length === LENGTHS[type] && (type === 'Ed25519' || raw[0] === UNCOMPRESSED)
  const { modulus, exponent } = rsa
  const bits = bitsOf(modulus)
  const isOdd = ((exponent.at(-1) as number) & 1) === 1
  const isOne = exponent.length === 1 && exponent[0] === 1
  return bits >= LEAST_RSA_BITS && bits <= MOST_RSA_BITS && isOdd && !isOne && exponent.length <= MOST_EXPONENT_BYTES
}
