import type { Fields } from '../core/message.ts'
import { type Component, isPlain, type MessageKind } from './component.ts'
import { type Coverage, coverageOf, createProof, type Proof } from './proof.ts'
import { type ProofParameters, SESSION_TAG } from './proof-parameters.ts'

const LABEL = 'session'
const LIST = String.raw`session=(\([^)]*\))`
const TIMES = String.raw`;created=([1-9]\d{9});expires=([1-9]\d{9})`
const NAMED = `;keyid="([A-Za-z0-9_-]{22})";tag="countersign-session"`
const TEXT = String.raw`"([\x20\x21\x23-\x5b\x5d-\x7e]{1,1024})"`
const COUNTER = String.raw`"([1-9]\d{0,14})"`
const REQUEST = new RegExp(`^${LIST}(${TIMES};nonce=${COUNTER}${NAMED};wimse-aud=${TEXT};wimse-sign-response)$`)
const ANSWER = new RegExp(`^${LIST}(${TIMES}${NAMED};wimse-req-nonce=${COUNTER})$`)
/** Thirty-two bytes in their one spelling. */
const MAC = /^session=:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=:$/
const MAX_LENGTH = 4096
const MAX_SHAPES = 256

/** A list of components that a proof which held has covered, by its text. */
export interface Shape {
  readonly components: readonly Component[]
  readonly coverage: Coverage
}

/** The components of all shapes. */
const remembered = new Set<readonly Component[]>()
const shapes: Readonly<Record<MessageKind, Map<string, Shape>>> = { request: new Map(), answer: new Map() }

/**
 * Reads the proof of a session that is written exactly as this library writes it and covers what one has covered before:
 * between two services that is nearly every call. Anything else it leaves to the reader of all proofs, which gives the
 * same where both give something. It proves nothing.
 */
export function readQuickly(fields: Fields, kind: MessageKind): Proof | undefined {
  const input = fields.get('signature-input')
  const signature = fields.get('signature')
  if (input === undefined || signature === undefined || input.length > MAX_LENGTH) return undefined
  const found = (kind === 'request' ? REQUEST : ANSWER).exec(input)
  const list = found?.[1] ?? ''
  const shape = shapes[kind].get(list)
  if (found === null || shape === undefined || !MAC.test(signature)) return undefined
  const parts = {
    label: LABEL,
    components: shape.components,
    parameters: kind === 'request' ? requestParameters(found) : answerParameters(found),
    signature: signature.slice(LABEL.length + 2, -1),
    member: list + (found[2] ?? ''),
  }
  return createProof(parts, shape.coverage)
}

// By index: to take an array of matches apart by a pattern costs more than all the rest of the reading.
function requestParameters(found: RegExpExecArray): ProofParameters {
  return {
    created: Number(found[3]),
    expires: Number(found[4]),
    nonce: found[5] ?? '',
    tag: SESSION_TAG,
    keyid: found[6],
    audience: found[7],
    signResponse: true,
    requestNonce: undefined,
  }
}

function answerParameters(found: RegExpExecArray): ProofParameters {
  return {
    created: Number(found[3]),
    expires: Number(found[4]),
    nonce: '',
    tag: SESSION_TAG,
    keyid: found[5],
    audience: undefined,
    signResponse: false,
    requestNonce: found[6],
  }
}

/** Remembers what a proof covers, now that it has held: nobody else can fill this memory, and it is small. */
export function rememberShape(proof: Proof, kind: MessageKind): void {
  const { components, member } = proof
  // Nearly always: it was read by this very shape.
  if (remembered.has(components)) return
  const list = listOf(components)
  const known = shapes[kind]
  if (known.has(list) || !member.startsWith(list) || !components.every(isSimple)) return
  const oldest = known.keys().next()
  if (known.size >= MAX_SHAPES && !oldest.done) forget(known, oldest.value)
  known.set(list, { components, coverage: coverageOf(components) })
  remembered.add(components)
}

function forget(known: Map<string, Shape>, list: string): void {
  const shape = known.get(list)
  if (shape !== undefined) remembered.delete(shape.components)
  known.delete(list)
}

function listOf(components: readonly Component[]): string {
  return `(${components.map(({ key }) => key).join(' ')})`
}

/** Whether the identifier has nothing in it that could end a list. */
function isSimple(component: Component): boolean {
  const { key, name } = component
  return (isPlain(component) || key === `"${name}";req`) && !name.includes(')')
}
