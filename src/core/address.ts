/** An IP address as bytes: four, or sixteen. */
export type AddressBytes = readonly number[]

const V4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/
const GROUP = /^[0-9a-f]{1,4}$/i

/**
 * Reads an IP address; undefined where it is none. An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`, RFC 4291
 * §2.5.5.2) is the IPv4 address: a socket that takes both shows it so.
 */
export function readAddress(text: string): AddressBytes | undefined {
  if (!text.includes(':')) return readV4(text)
  const bytes = readV6(text)
  const isMapped = bytes?.slice(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 255)) === true
  return isMapped ? bytes?.slice(12) : bytes
}

function readV4(text: string): number[] | undefined {
  if (!V4.test(text)) return undefined
  const bytes = text.split('.').map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes : undefined
}

function readV6(text: string): number[] | undefined {
  const [left = '', right, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const [front, back] = [readGroups(left, right === undefined), right === undefined ? [] : readGroups(right, true)]
  if (front === undefined || back === undefined) return undefined
  const missing = 16 - front.length - back.length
  const isWhole = right === undefined ? missing === 0 : missing >= 2
  return isWhole ? [...front, ...new Array<number>(missing).fill(0), ...back] : undefined
}

/** Groups of two bytes each; the last may be an IPv4 address where the text ends with it. */
function readGroups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return []
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [index, group] of groups.entries()) {
    const dotted = isLast && index === groups.length - 1 && group.includes('.') ? readV4(group) : undefined
    if (dotted !== undefined) bytes.push(...dotted)
    else if (GROUP.test(group)) bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255)
    else return undefined
  }
  return bytes.length > 16 ? undefined : bytes
}

/** A range of addresses: `10.0.0.0/8`, or one address. */
export interface AddressRange {
  readonly bytes: AddressBytes
  readonly bits: number
}

/** Reads an address or a range in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3); undefined where it is none. */
export function readRange(text: string): AddressRange | undefined {
  const [address = '', length, ...more] = text.split('/')
  const bytes = readAddress(address)
  if (bytes === undefined || more.length > 0) return undefined
  const most = bytes.length * 8
  if (length === undefined) return { bytes, bits: most }
  // What is mapped is written as IPv4, or the length would mean something else.
  const isMapped = bytes.length === 4 && address.includes(':')
  const isLength = /^(?:0|[1-9]\d{0,2})$/.test(length) && Number(length) <= most && !isMapped
  return isLength && hasNoHostBits(bytes, Number(length)) ? { bytes, bits: Number(length) } : undefined
}

function hasNoHostBits(bytes: AddressBytes, bits: number): boolean {
  return bytes.every((byte, index) => (byte & ~maskOf(bits, index) & 255) === 0)
}

/** Whether an address lies in a range. */
export function isInRange(address: AddressBytes, { bytes, bits }: AddressRange): boolean {
  if (address.length !== bytes.length) return false
  return address.every((byte, index) => ((byte ^ (bytes[index] as number)) & maskOf(bits, index)) === 0)
}

function maskOf(bits: number, index: number): number {
  const own = Math.min(8, Math.max(0, bits - index * 8))
  return (255 << (8 - own)) & 255
}
