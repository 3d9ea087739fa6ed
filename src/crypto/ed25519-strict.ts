const ORDER = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')
const FIELD = fromHex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')

/** The y coordinates of the eight points whose order divides eight; the sign of x plays no part. */
const SMALL_ORDER_Y = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(fromHex)

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** Compares public little-endian numbers of 32 bytes. */
function isBelow(number: Uint8Array, bound: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (number[i] as number) - (bound[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** Tells whether the S of a signature is below the group order, as RFC 8032 §5.1.7 demands. */
export function isReduced(s: Uint8Array): boolean {
  // Condition: an Ed25519 signature whose S is not reduced does not verify.
  return s.length === 32 && isBelow(s, ORDER)
}

/** Tells whether an Ed25519 public key is spelled canonically and of large order: else it would fit any message. */
export function isSoundPoint(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  const y = publicKey.slice()
  y[31] = (y[31] as number) & 0x7f
  // Condition: an Ed25519 key that is not reduced is refused.
  if (!isBelow(y, FIELD)) return false
  // Condition: an Ed25519 key of small order is refused.
  return !SMALL_ORDER_Y.some((small) => small.every((byte, i) => byte === y[i]))
}
