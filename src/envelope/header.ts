import { type Bytes, equalBytes, fromUtf8 } from '../core/bytes.ts'
import { MAGIC } from './magic.ts'
import { type RecipientType, recipientTypeOf, SESSION } from './recipient-type.ts'
import { type Suite, suiteOf } from './suite.ts'
import { unopened } from './unopened.ts'

const START_BYTES = 8
const RECIPIENT_HEAD_BYTES = 3
const SALT_BYTES = 24
const COMMITMENT_BYTES = 32
const MAC_BYTES = 32
const END_BYTES = SALT_BYTES + COMMITMENT_BYTES + MAC_BYTES
/** No header is longer. */
export const MAX_HEADER_BYTES = 16_384

/** How many recipients an envelope has at most. */
export const MAX_RECIPIENTS = 32

/** A recipient as it stands in a header; of an unknown type nothing but the number is read. */
export interface HeaderRecipient {
  readonly typeId: number
  readonly known?: { readonly type: RecipientType; readonly kid: string; readonly body: Uint8Array }
}

/** A header as it was parsed. Nothing in it is proven yet. */
export interface Header {
  readonly suite: Suite
  readonly recipients: readonly HeaderRecipient[]
  readonly salt: Uint8Array
  readonly commitment: Uint8Array
  readonly mac: Uint8Array
  /** All that the MAC covers. */
  readonly covered: Uint8Array
  readonly bytes: number
}

/** A recipient to be written. */
export interface WrappedKey {
  readonly typeId: number
  readonly kidField: Uint8Array
  readonly body: Uint8Array
}

/** What is written of a header up to its MAC. */
export interface HeaderParts {
  readonly suite: Suite
  readonly recipients: readonly WrappedKey[]
  readonly salt: Uint8Array
  readonly commitment: Uint8Array
}

/** How long the header for these recipients is, with its MAC. */
export function headerLength(recipients: readonly WrappedKey[]): number {
  let length = START_BYTES + END_BYTES
  for (const { kidField, body } of recipients) length += RECIPIENT_HEAD_BYTES + kidField.length + body.length
  return length
}

/** Writes a header up to its MAC to the beginning of an envelope, and gives what was written. */
export function putHeader(envelope: Bytes, { suite, recipients, salt, commitment }: HeaderParts): Bytes {
  envelope.set(MAGIC)
  envelope[4] = suite.id
  // The room may not be empty: each byte of the header is put here.
  envelope[5] = 0
  envelope[6] = 0
  envelope[7] = recipients.length
  let at = START_BYTES
  for (const recipient of recipients) at = putRecipient(envelope, at, recipient)
  envelope.set(salt, at)
  envelope.set(commitment, at + SALT_BYTES)
  return envelope.subarray(0, at + SALT_BYTES + COMMITMENT_BYTES)
}

/** Puts a recipient there and gives what comes behind it. */
function putRecipient(bytes: Uint8Array, at: number, { typeId, kidField, body }: WrappedKey): number {
  const length = kidField.length + body.length
  bytes[at] = typeId
  bytes[at + 1] = length >> 8
  bytes[at + 2] = length & 0xff
  bytes.set(kidField, at + RECIPIENT_HEAD_BYTES)
  bytes.set(body, at + RECIPIENT_HEAD_BYTES + kidField.length)
  return at + RECIPIENT_HEAD_BYTES + length
}

/** Reads a header within its bounds and refuses it at the first byte that is not as it has to be. */
export function parseHeader(envelope: Uint8Array): Header {
  const suite = parseStart(envelope)
  const { recipients, end } = parseRecipients(envelope)
  const saltEnd = end + SALT_BYTES
  const commitmentEnd = saltEnd + COMMITMENT_BYTES
  const bytes = end + END_BYTES
  need(envelope, bytes)
  return {
    suite,
    recipients,
    salt: envelope.subarray(end, saltEnd),
    commitment: envelope.subarray(saltEnd, commitmentEnd),
    mac: envelope.subarray(commitmentEnd, bytes),
    covered: envelope.subarray(0, commitmentEnd),
    bytes,
  }
}

/**
 * How many bytes of a header are needed at the least, as far as these tell: more than there are while it is not whole.
 * What is no header, or too long, needs no more: reading it says what is wrong.
 */
export function headerBytesIn(start: Uint8Array): number {
  if (start.length < START_BYTES) return START_BYTES
  parseStart(start)
  const count = u16(start, 6)
  let at = START_BYTES
  for (let i = 0; i < count && i < MAX_RECIPIENTS; i++) {
    if (start.length < at + RECIPIENT_HEAD_BYTES) return at + RECIPIENT_HEAD_BYTES
    at += RECIPIENT_HEAD_BYTES + u16(start, at + 1)
    if (at + END_BYTES > MAX_HEADER_BYTES) return start.length
  }
  return at + END_BYTES
}

function need(envelope: Uint8Array, end: number): void {
  // Condition: an envelope that ends within its header is refused.
  if (end > envelope.length) throw unopened('truncated')
}

function parseStart(envelope: Uint8Array): Suite {
  need(envelope, MAGIC.length)
  // Condition: an envelope with another magic is refused.
  if (!equalBytes(envelope.subarray(0, MAGIC.length), MAGIC)) throw unopened('malformed')
  need(envelope, START_BYTES)
  const suite = suiteOf(envelope[4] as number)
  // Condition: an envelope of an unknown suite is refused.
  if (suite === undefined) throw unopened('unsupported')
  // Condition: an envelope with a flag is refused.
  if (envelope[5] !== 0) throw unopened('unsupported')
  return suite
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function parseRecipients(envelope: Uint8Array): { recipients: HeaderRecipient[]; end: number } {
  const count = u16(envelope, 6)
  // Condition: an envelope without a recipient or with more than 32 is refused.
  if (count < 1 || count > MAX_RECIPIENTS) throw unopened('malformed')
  const recipients: HeaderRecipient[] = []
  const seen = new Set<string>()
  let at = START_BYTES
  for (let i = 0; i < count; i++) {
    need(envelope, at + RECIPIENT_HEAD_BYTES)
    const start = at + RECIPIENT_HEAD_BYTES
    const end = start + u16(envelope, at + 1)
    // Condition: an envelope whose header is longer than 16,384 bytes is refused.
    if (end + END_BYTES > MAX_HEADER_BYTES) throw unopened('malformed')
    need(envelope, end)
    const recipient = parseRecipient(envelope[at] as number, envelope.subarray(start, end))
    recipients.push(recipient)
    if (recipient.known !== undefined) checkUnique(seen, recipient.typeId, recipient.known.kid)
    at = end
  }
  checkAlone(recipients)
  return { recipients, end: at }
}

function checkAlone(recipients: readonly HeaderRecipient[]): void {
  // Condition: an envelope for a session and for anybody else besides is refused.
  if (recipients.length > 1 && recipients.some(({ typeId }) => typeId === SESSION.id)) throw unopened('malformed')
}

function checkUnique(seen: Set<string>, typeId: number, kid: string): void {
  const name = `${typeId} ${kid}`
  // Condition: an envelope with two recipients of one type and key id is refused.
  if (seen.has(name)) throw unopened('malformed')
  seen.add(name)
}

function parseRecipient(typeId: number, content: Uint8Array): HeaderRecipient {
  const type = recipientTypeOf(typeId)
  if (type === undefined) return { typeId }
  const kidBytes = content[0] ?? 0
  const bodyBytes = content.length - 1 - kidBytes
  // Condition: a recipient of another length than its type and key id demand is refused.
  if (kidBytes < 1 || bodyBytes < type.minBytes || bodyBytes > type.maxBytes) throw unopened('malformed')
  const kid = parseKid(content.subarray(1, 1 + kidBytes))
  return { typeId, known: { type, kid, body: content.subarray(1 + kidBytes) } }
}

function parseKid(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    // Condition: a key id that is not UTF-8 is refused.
    throw unopened('malformed')
  }
}
