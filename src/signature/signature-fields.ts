import type { Bytes } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import type { Fields } from '../core/message.ts'
import { parseUniqueDictionary } from './structured-fields/parse.ts'
import { type Dictionary, type InnerList, isInnerList } from './structured-fields/value.ts'

/** One signature of a message: what it says it covers, and its bytes. Nothing of it is proven. */
export interface SignatureEntry {
  readonly label: string
  readonly input: InnerList
  readonly signature: Bytes
}

/** The longest `Signature-Input` or `Signature` field that is read or written, all its lines together. */
export const MAX_FIELD_LENGTH = 8192

function malformed(step: string): CountersignError {
  return new CountersignError('signature-malformed', { detail: { step } })
}

/** Reads `Signature-Input` and `Signature` (RFC 9421 §4), which have the same labels; none where there is neither. */
export function readSignatureFields(fields: Fields): readonly SignatureEntry[] {
  const inputText = fields.get('signature-input')
  const signatureText = fields.get('signature')
  if (inputText === undefined && signatureText === undefined) return []
  // Condition: one of Signature and Signature-Input without the other is refused.
  if (inputText === undefined || signatureText === undefined) throw malformed('pair')
  const inputs = dictionaryOf(inputText)
  const signatures = dictionaryOf(signatureText)
  // Condition: a label that is in only one of Signature and Signature-Input is refused.
  if (inputs.size !== signatures.size) throw malformed('label')
  const entries: SignatureEntry[] = []
  for (const [label, input] of inputs) {
    // Condition: a Signature-Input member that is not an inner list is refused.
    if (!isInnerList(input)) throw malformed('signature-input')
    entries.push({ label, input, signature: bytesOf(signatures, label) })
  }
  return entries
}

function dictionaryOf(text: string): Dictionary {
  // Condition: a signature field of more than 8 KiB is refused.
  if (text.length > MAX_FIELD_LENGTH) throw malformed('size')
  const dictionary = parseUniqueDictionary(text)
  // Condition: a signature field that is not a dictionary is refused.
  if (dictionary === undefined) throw malformed('dictionary')
  return dictionary
}

function bytesOf(signatures: Dictionary, label: string): Bytes {
  const member = signatures.get(label)
  if (member === undefined) throw malformed('label')
  // Condition: a Signature member that is not a byte sequence is refused.
  if (isInnerList(member) || !(member.value instanceof Uint8Array)) throw malformed('signature')
  return member.value
}
