import { hex } from '../core/bytes.ts'
import { certificateInvalid } from './certificate-refusal.ts'
import { DerReader, INTEGER, OCTET_STRING, onlyElement, SEQUENCE } from './der.ts'
import { readFlag, readNamedBits, readObjectIdentifier, readUnsigned } from './der-values.ts'
import { type NameConstraints, readNameConstraints } from './name-constraints.ts'

/** What the extensions of a certificate say (RFC 5280 §4.2). */
export interface CertificateExtensions {
  readonly isCa: boolean
  /** How many further CAs may stand below this one. */
  readonly pathLength?: number
  /** The flags of the key, flag 0 highest of sixteen. */
  readonly keyUsage?: number
  readonly isKeyUsageCritical: boolean
  /** The names of uses, in hexadecimal; undefined: any. */
  readonly extendedKeyUsages?: readonly string[]
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  readonly hasAddresses: boolean
  /** IP addresses, in hexadecimal. */
  readonly addresses: readonly string[]
  readonly nameConstraints?: NameConstraints
}

export const DIGITAL_SIGNATURE = 0x8000
export const KEY_CERT_SIGN = 0x0400
export const CRL_SIGN = 0x0200
export const SERVER_AUTH = '2b06010505070301'
export const CLIENT_AUTH = '2b06010505070302'

/** The kinds of names (RFC 5280 §4.2.1.6): those in pieces are 0, 3, 4 and 5. */
const GENERAL_NAMES: ReadonlySet<number> = new Set([0xa0, 0x81, 0x82, 0xa3, 0xa4, 0xa5, 0x86, 0x87, 0x88])
const DNS_NAME = 0x82
const URI_NAME = 0x86
const ADDRESS = 0x87
const MAX_EXTENSIONS = 64
const MAX_NAMES = 256

type Draft = { -readonly [Name in keyof CertificateExtensions]: CertificateExtensions[Name] }

function readBasicConstraints(draft: Draft, value: Uint8Array): void {
  const reader = new DerReader(onlyElement(value, SEQUENCE).content)
  draft.isCa = readFlag(reader)
  if (reader.isNext(INTEGER)) {
    const length = readUnsigned(reader)
    // Condition: a certificate that is no CA and bounds those below it is refused.
    if (!draft.isCa) throw certificateInvalid('basic-constraints')
    // A bound of more than a byte bounds nothing here.
    draft.pathLength = length.length === 1 ? (length[0] as number) : 255
  }
  reader.end()
}

function readKeyUsage(draft: Draft, value: Uint8Array, isCritical: boolean): void {
  const reader = new DerReader(value)
  draft.keyUsage = readNamedBits(reader)
  draft.isKeyUsageCritical = isCritical
  reader.end()
}

function readExtendedKeyUsage(draft: Draft, value: Uint8Array): void {
  const reader = new DerReader(onlyElement(value, SEQUENCE).content)
  const uses: string[] = []
  while (!reader.isAtEnd) uses.push(readObjectIdentifier(reader))
  // Condition: an empty list of uses of a key is refused.
  if (uses.length === 0) throw certificateInvalid('extended-key-usage')
  draft.extendedKeyUsages = uses
}

function textOf(content: Uint8Array): string {
  let text = ''
  for (const byte of content) {
    // Condition: a URI or DNS name of a certificate with a byte that is not ASCII is refused.
    if (byte > 0x7f) throw certificateInvalid('name-characters')
    text += String.fromCharCode(byte)
  }
  return text
}

function readAlternativeNames(draft: Draft, value: Uint8Array): void {
  const reader = new DerReader(onlyElement(value, SEQUENCE).content)
  const [uris, dnsNames, addresses]: [string[], string[], string[]] = [[], [], []]
  let count = 0
  while (!reader.isAtEnd) {
    const { tag, content } = reader.any()
    // Condition: an alternative name of a kind that there is not is refused.
    if (!GENERAL_NAMES.has(tag)) throw certificateInvalid('alternative-names')
    // Condition: a certificate of more than 256 alternative names is refused.
    if (++count > MAX_NAMES) throw certificateInvalid('alternative-names')
    if (tag === URI_NAME) uris.push(textOf(content))
    if (tag === ADDRESS) addresses.push(hex(content))
    if (tag === DNS_NAME) dnsNames.push(textOf(content))
  }
  // Condition: an empty list of alternative names is refused.
  if (count === 0) throw certificateInvalid('alternative-names')
  draft.uris = uris
  draft.dnsNames = dnsNames
  draft.addresses = addresses
  draft.hasAddresses = addresses.length > 0
}

type Read = (draft: Draft, value: Uint8Array, isCritical: boolean) => void

/** What is understood, by name in hexadecimal (2.5.29.…). */
const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['551d13', readBasicConstraints],
  ['551d0f', readKeyUsage],
  ['551d25', readExtendedKeyUsage],
  ['551d11', readAlternativeNames],
  [
    '551d1e',
    (draft, value) => {
      draft.nameConstraints = readNameConstraints(value)
    },
  ],
])

function readExtension(draft: Draft, list: DerReader, seen: Set<string>): void {
  const reader = list.inside(SEQUENCE)
  const name = readObjectIdentifier(reader)
  const isCritical = readFlag(reader)
  const { content } = reader.next(OCTET_STRING)
  reader.end()
  // Condition: a certificate with one extension twice is refused.
  if (seen.has(name)) throw certificateInvalid('extension-twice')
  // Condition: a certificate of more than 64 extensions is refused.
  if (seen.add(name).size > MAX_EXTENSIONS) throw certificateInvalid('extensions')
  const read = READERS.get(name)
  // Condition: a critical extension that is not understood is refused.
  if (read === undefined && isCritical) throw certificateInvalid('critical-extension')
  read?.(draft, content, isCritical)
}

/** Reads the list of extensions; what is not critical and not understood is passed over. */
export function readExtensions(list: DerReader): CertificateExtensions {
  const names = { uris: [], dnsNames: [], addresses: [], hasAddresses: false }
  const draft: Draft = { isCa: false, isKeyUsageCritical: false, ...names }
  const seen = new Set<string>()
  while (!list.isAtEnd) readExtension(draft, list, seen)
  return Object.freeze(draft)
}
