import { primitives } from '#crypto'
import { toBase64 } from '../core/base64url.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import type { Fields, HttpRequest, HttpResponse } from '../core/message.ts'
import type { MacKey, SigningKey } from '../crypto/primitives.ts'
import { type BaseSource, baseBytes, macOf, signatureBase } from './base.ts'
import { type Component, componentOf, inputOf, type MessageKind, ofRequest } from './component.ts'
import { answerCoverage, requestCoverage } from './coverage.ts'
import { createProof, MAX_COMPONENTS, memberOf, type Proof } from './proof.ts'
import { type ProofParameters, serializeParameters } from './proof-parameters.ts'
import { MAX_FIELD_LENGTH } from './signature-fields.ts'
import { serializeKey } from './structured-fields/serialize.ts'
import { isTokenProof } from './token-proof.ts'

/** A label means nothing to a verifier: these are for who reads the wire. */
const LABEL = 'wimse'
const SESSION_LABEL = 'session'
const METHOD = componentOf('@method')
const TARGET = componentOf('@request-target')
const OF_ANSWER = [componentOf('@status'), ofRequest(METHOD), ofRequest(TARGET)] as const

/** The two fields to add to a message, and the proof they carry. */
export interface SignedProof {
  readonly fields: { readonly 'signature-input': string; readonly signature: string }
  readonly proof: Proof
}

/** The key of a token, or the key of a session for this direction. */
export type ProofKey =
  | { readonly signingKey: SigningKey; readonly macKey?: never }
  | { readonly macKey: MacKey; readonly signingKey?: never }

type HowToSign = ProofKey & {
  readonly parameters: ProofParameters
  /** Means nothing; default `wimse`, under a session `session`. */
  readonly label?: string
}

/** A request to sign, complete but for the two fields. */
export type RequestToSign = HowToSign & { readonly request: HttpRequest }

/** An answer to sign, complete but for the two fields, with the request it belongs to. */
export type AnswerToSign = HowToSign & {
  readonly response: HttpResponse
  readonly request: HttpRequest
  readonly requestProof: Proof
}

/** Signs a request: method, target and every field but the unproven ones. */
export function signRequest(given: RequestToSign): MaybePromise<SignedProof> {
  const { request } = given
  return orElse(
    () => signWith(given, { kind: 'request', source: { message: request }, list: listFor('request', request.fields) }),
    (cause) => {
      const step = unsignable(cause)
      const fix = `cannot sign these (${step}): send fewer and shorter fields of plain ASCII`
      throw new CountersignError('option-invalid', { cause, detail: { option: 'headers', fix, step } })
    },
  )
}

/**
 * Signs an answer: status, its fields, and all that its request covered, so that it fits no other request. Under a
 * session the key and the counter are that already.
 */
export function signAnswer(given: AnswerToSign): MaybePromise<SignedProof> {
  const { response, request, requestProof } = given
  return orElse(
    () => {
      const own = listFor('answer', response.fields)
      const list = given.macKey === undefined ? bound(own, requestProof) : own
      return signWith(given, { kind: 'answer', source: { message: response, request }, list })
    },
    (cause) => {
      throw new CountersignError('answer-unsignable', { cause, detail: { step: unsignable(cause) } })
    },
  )
}

/** What a message covers, and the list of it as it is written. */
interface CoverageList {
  readonly components: readonly Component[]
  readonly text: string
}

const MAX_LISTS = 256
const MAX_NAMES_LENGTH = 2048
/** By the names of the header fields, in their order: the messages of a service have few kinds of header. */
const lists: Readonly<Record<MessageKind, Map<string, CoverageList>>> = { request: new Map(), answer: new Map() }

function listFor(kind: MessageKind, fields: Fields): CoverageList {
  const names = fields.names().join('\n')
  const known = lists[kind].get(names)
  if (known !== undefined) return known
  const components =
    kind === 'request' ? [METHOD, TARGET, ...requestCoverage(fields)] : [...OF_ANSWER, ...answerCoverage(fields)]
  const list = { components, text: memberOf(components, '') }
  // What is too long to be signed, or long enough to fill the memory, is not remembered.
  if (components.length > MAX_COMPONENTS[kind] || names.length > MAX_NAMES_LENGTH) return list
  const oldest = lists[kind].keys().next()
  if (lists[kind].size >= MAX_LISTS && !oldest.done) lists[kind].delete(oldest.value)
  lists[kind].set(names, list)
  return list
}

/** The same with what of the request its answer covers besides method and target. */
function bound(own: CoverageList, requestProof: Proof): CoverageList {
  const components = [...own.components]
  for (const component of requestProof.components) {
    if (component !== METHOD && component !== TARGET) components.push(ofRequest(component))
  }
  // A proof token has no parameters of a signature: it is covered as a whole.
  if (!isTokenProof(requestProof)) components.push(inputOf(requestProof.label))
  return { components, text: memberOf(components, '') }
}

interface Plan {
  readonly kind: MessageKind
  readonly source: BaseSource
  readonly list: CoverageList
}

function signWith(how: HowToSign, { kind, source, list }: Plan): MaybePromise<SignedProof> {
  const { parameters, label = how.macKey === undefined ? LABEL : SESSION_LABEL } = how
  const { components, text } = list
  // Condition: a message with more fields than a proof may cover is not signed.
  if (components.length > MAX_COMPONENTS[kind]) throw tooMuch('count')
  const member = text + serializeParameters(parameters)
  const input = `${serializeKey(label)}=${member}`
  // Condition: a message whose Signature-Input would be too long is not signed.
  if (input.length > MAX_FIELD_LENGTH) throw tooMuch('length')
  const base = signatureBase(components, member, source)
  const made = how.macKey === undefined ? signatureOf(how.signingKey, base) : macOf(how.macKey, base)
  return andThen(made, (signature) => ({
    fields: { 'signature-input': input, signature: `${label}=:${signature}:` },
    proof: createProof({ label, components, parameters, signature, member }),
  }))
}

function signatureOf(key: SigningKey, base: string): MaybePromise<string> {
  return andThen(primitives.sign(key, baseBytes(base)), toBase64)
}

function tooMuch(step: string): CountersignError {
  return new CountersignError('signature-malformed', { detail: { step } })
}

/** What of a message could not be signed: a field that cannot be covered is the mistake of who set it. */
function unsignable(cause: unknown): string {
  // Condition: a field whose value cannot be covered is not signed.
  if (!isCountersignError(cause)) throw cause
  return cause.detail.step ?? 'field'
}
