import { concat, utf8 } from '../../src/core/bytes.ts'

/** Writes one element of DER. */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const inside = concat(...content)
  const { length } = inside
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return concat(Uint8Array.of(tag, ...head), inside)
}

export const sequence = (...content: readonly Uint8Array[]) => element(0x30, ...content)
export const set = (...content: readonly Uint8Array[]) => element(0x31, ...content)
export const integer = (...bytes: readonly number[]) => element(0x02, Uint8Array.from(bytes))
export const boolean = (byte = 0xff) => element(0x01, Uint8Array.of(byte))
export const nothing = () => element(0x05)
export const bitString = (bytes: Uint8Array, unused = 0) => element(0x03, Uint8Array.of(unused), bytes)
export const octetString = (...content: readonly Uint8Array[]) => element(0x04, ...content)
export const explicit = (number: number, ...content: readonly Uint8Array[]) => element(0xa0 | number, ...content)

/** Writes an object identifier from its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const septets = [part & 0x7f]
    for (let left = part >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80)
    bytes.push(...septets)
  }
  return element(0x06, Uint8Array.from(bytes))
}

/** A name of one common name. */
export function commonName(text: string): Uint8Array {
  return sequence(set(sequence(oid('2.5.4.3'), element(0x0c, utf8(text)))))
}

/** A time as RFC 5280 writes it; `tag` and `text` of one's own for times that nobody should write. */
export function time(at: Date): Uint8Array {
  const digits = `${at.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return at.getUTCFullYear() < 2050 ? element(0x17, utf8(digits.slice(2))) : element(0x18, utf8(digits))
}
