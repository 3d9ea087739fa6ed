import { CountersignError } from '../core/errors.ts'
import type { Fields } from '../core/message.ts'
import { parseItem } from '../signature/structured-fields/parse.ts'
import { serializeItem } from '../signature/structured-fields/serialize.ts'
import type { BareItem } from '../signature/structured-fields/value.ts'

/** The media type of a sealed body. */
export const SEALED_TYPE = 'application/vnd.countersign.sve1'

/** By this field a request without a body asks that its answer be sealed. */
export const ACCEPT_ENVELOPE = 'accept-envelope'

/** What a message says about the sealing of its body: the inner media type, or that it is plain. */
export interface AnnouncedBody {
  readonly sealed: boolean
  readonly contentType: string
}

/** Writes the fields that announce a sealed body. */
export function sealedFields(contentType: string): Record<string, string> {
  return {
    'content-type': SEALED_TYPE,
    'content-envelope': serializeItem({ value: { type: 'token', value: 'sve1' }, params: [['ct', contentType]] }),
  }
}

/** Reads what a message announces: media type and `Content-Envelope` come together, without a content coding, or not at all. */
export function readAnnounced(fields: Fields): AnnouncedBody {
  const contentType = fields.get('content-type') ?? ''
  const envelope = fields.get('content-envelope')
  const isSealedType = contentType.toLowerCase().startsWith(SEALED_TYPE)
  if (envelope === undefined && !isSealedType) return { sealed: false, contentType }
  // Condition: a sealed media type without Content-Envelope, or the other way round, is refused.
  if (envelope === undefined || contentType !== SEALED_TYPE) throw malformed('pair')
  // Condition: a sealed body with a content coding is refused.
  if (fields.has('content-encoding')) throw malformed('content-encoding')
  return { sealed: true, contentType: innerType(envelope) }
}

function innerType(envelope: string): string {
  const item = parseItem(envelope)
  const type = item?.params.get('ct')
  // Condition: a Content-Envelope that is not sve1 with an inner media type is refused.
  if (item === undefined || !isSve1(item.value) || typeof type !== 'string') throw malformed('content-envelope')
  // Condition: a sealed body within a sealed body is refused.
  if (type.toLowerCase().startsWith(SEALED_TYPE)) throw malformed('nested')
  return type
}

function isSve1(value: BareItem): boolean {
  return typeof value === 'object' && 'type' in value && value.type === 'token' && value.value === 'sve1'
}

function malformed(step: string): CountersignError {
  return new CountersignError('envelope-malformed', { detail: { step } })
}
