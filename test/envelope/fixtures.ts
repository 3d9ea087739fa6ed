import { primitives } from '#crypto'
import { toBase64url } from '../../src/core/base64url.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import type { Curve } from '../../src/crypto/suites.ts'
import { type Entropy, systemEntropy } from '../../src/envelope/entropy.ts'
import { type HeaderParts, headerLength, putHeader } from '../../src/envelope/header.ts'

/** Bytes of a hexadecimal text. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** Byte i is i mod 251. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = i % 251
  return bytes
}

/** Compares long bytes, which an assertion would take apart one by one. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** A private JWK from its raw parts. */
export function jwkOf(curve: Curve, secret: string, point: string): Jwk {
  const d = toBase64url(bytesOf(secret))
  if (curve === 'X25519') return { kty: 'OKP', crv: curve, x: toBase64url(bytesOf(point)), d }
  const x = toBase64url(bytesOf(point.slice(2, 66)))
  return { kty: 'EC', crv: curve, x, y: toBase64url(bytesOf(point.slice(66))), d }
}

/** The public half. */
export function publicOf({ d, ...rest }: Jwk): Jwk {
  return rest
}

/** A fresh private JWK. */
export async function freshJwk(curve: Curve): Promise<Jwk> {
  const algorithm = curve === 'P-256' ? { name: 'ECDH', namedCurve: curve } : { name: 'X25519' }
  const pair = (await crypto.subtle.generateKey(algorithm, true, ['deriveBits'])) as CryptoKeyPair
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  const common = { kty: String(kty), crv: String(crv), x: String(x), d: String(d) }
  return y === undefined ? common : { ...common, y }
}

/** Entropy with some of it fixed. */
export function fixedEntropy(fixed: {
  dataKey?: Uint8Array
  salt?: Uint8Array
  wrapSalt?: Uint8Array
  ephemerals?: Partial<Record<Curve, { jwk: Jwk; point: Uint8Array }>>
}): Entropy {
  const { dataKey, salt, wrapSalt, ephemerals = {} } = fixed
  return {
    dataKey: () => (dataKey === undefined ? systemEntropy.dataKey() : Uint8Array.from(dataKey)),
    salt: () => (salt === undefined ? systemEntropy.salt() : Uint8Array.from(salt)),
    wrapSalt: () => (wrapSalt === undefined ? systemEntropy.wrapSalt() : Uint8Array.from(wrapSalt)),
    ephemeral: async (curve) => {
      const given = ephemerals[curve]
      if (given === undefined) return systemEntropy.ephemeral(curve)
      return { key: await primitives.agreementKey(curve, given.jwk), point: given.point }
    },
  }
}

/** What a failure says of itself: its code, and its step or its option. */
export async function failureOf(act: () => unknown): Promise<{ code: string; step?: string; option?: string }> {
  try {
    await act()
  } catch (error) {
    if (!isCountersignError(error)) throw error
    const { step, option } = error.detail
    return { code: error.code, ...(step && { step }), ...(option && { option }) }
  }
  return { code: 'none' }
}

/** The code alone. */
export async function codeOf(act: () => unknown): Promise<string> {
  return (await failureOf(act)).code
}

/** A header up to its MAC. */
export function headOf(parts: HeaderParts): Uint8Array {
  return putHeader(new Uint8Array(headerLength(parts.recipients)), parts)
}

/** What came out of a stream that these pieces were written to, and how it failed. */
export async function passed(
  { readable, writable }: TransformStream<Uint8Array, Uint8Array>,
  given: Iterable<Uint8Array>,
): Promise<{ pieces: Uint8Array[]; failure: Awaited<ReturnType<typeof failureOf>> | undefined }> {
  const pieces: Uint8Array[] = []
  const writing = (async () => {
    const writer = writable.getWriter()
    for (const piece of given) await writer.write(piece)
    await writer.close()
  })()
  // The reader tells how it failed.
  writing.catch(() => undefined)
  const failure = await failureOf(async () => {
    for await (const piece of readable) pieces.push(piece)
  })
  return { pieces, failure: failure.code === 'none' ? undefined : failure }
}
