import type { Bytes } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import type { Fields } from '../core/message.ts'
import type { StreamHead } from '../envelope/stream-head.ts'
import { isStreamProof, type Proof } from '../signature/proof.ts'
import { parseItem } from '../signature/structured-fields/parse.ts'
import { serializeItem } from '../signature/structured-fields/serialize.ts'
import type { BareItem, Params } from '../signature/structured-fields/value.ts'

/** The media type of a sealed body. */
export const SEALED_TYPE = 'application/vnd.countersign.sve1'

/** By this field a request without a body asks that its answer be sealed. */
export const ACCEPT_ENVELOPE = 'accept-envelope'

const SALT_BYTES = 24
const COMMITMENT_BYTES = 32

/** What a message says about the sealing of its body: the inner media type, or that it is plain. */
export interface AnnouncedBody {
  readonly sealed: boolean
  readonly contentType: string
  /** Of a body that follows as a stream: which envelope it is. */
  readonly head?: StreamHead | undefined
}

/** Writes the fields that announce a sealed body; one that follows as a stream is named by its head. */
export function sealedFields(contentType: string, head?: StreamHead): Record<string, string> {
  const params: [string, BareItem][] = [['ct', contentType]]
  if (head !== undefined) params.push(['salt', new Uint8Array(head.salt)], ['cmt', new Uint8Array(head.commitment)])
  return {
    'content-type': SEALED_TYPE,
    'content-envelope': serializeItem({ value: { type: 'token', value: 'sve1' }, params }),
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
  return readEnvelope(envelope)
}

function readEnvelope(envelope: string): AnnouncedBody {
  const item = parseItem(envelope)
  const type = item?.params.get('ct')
  // Condition: a Content-Envelope that is not sve1 with an inner media type is refused.
  if (item === undefined || !isSve1(item.value) || typeof type !== 'string') throw malformed('content-envelope')
  // Condition: a sealed body within a sealed body is refused.
  if (type.toLowerCase().startsWith(SEALED_TYPE)) throw malformed('nested')
  const head = headOf(item.params)
  return head === undefined ? { sealed: true, contentType: type } : { sealed: true, contentType: type, head }
}

function headOf(params: Params): StreamHead | undefined {
  const salt = params.get('salt')
  const commitment = params.get('cmt')
  if (salt === undefined && commitment === undefined) return undefined
  // Condition: a Content-Envelope with a salt or a commitment that is not one is refused.
  if (!isBytes(salt, SALT_BYTES) || !isBytes(commitment, COMMITMENT_BYTES)) throw malformed('stream-head')
  return { salt, commitment }
}

function isBytes(value: BareItem | undefined, length: number): value is Bytes {
  return value instanceof Uint8Array && value.length === length
}

/** Holds a message to one of two ways: its body is named by its digest, or it follows as the stream its proof speaks of. */
export function checkStreamed(announced: AnnouncedBody, proof: Proof, fields: Fields): void {
  const isStream = isStreamProof(proof)
  // Condition: a message that names its envelope without the tag of a stream, or the other way round, is refused.
  if (isStream !== (announced.head !== undefined)) throw malformed('tag')
  // Condition: a message that streams and has a content digest is refused.
  if (isStream && fields.has('content-digest')) throw malformed('content-digest')
}

/** Whether a message says that its body follows as a stream. Only its proof says whether that counts. */
export function announcesStream(fields: Fields): boolean {
  if (fields.get('content-envelope')?.includes('cmt=') !== true) return false
  try {
    return readAnnounced(fields).head !== undefined
  } catch {
    return false
  }
}

function isSve1(value: BareItem): boolean {
  return typeof value === 'object' && 'type' in value && value.type === 'token' && value.value === 'sve1'
}

function malformed(step: string): CountersignError {
  return new CountersignError('envelope-malformed', { detail: { step } })
}
