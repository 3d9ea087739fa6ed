import { primitives } from '#crypto'
import { fromBase64, toBase64 } from '../core/base64url.ts'
import { type Bytes, equalText } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Fields, HttpRequest, HttpResponse } from '../core/message.ts'
import type { MacKey, VerifyingKey } from '../crypto/primitives.ts'
import { baseBytes, macOf, signatureBase } from './base.ts'
import { type Component, componentOf, inputOf, type MessageKind, ofRequest, readComponents } from './component.ts'
import { DEMANDED } from './coverage.ts'
import {
  isProofTag,
  PROOF_TOKEN_TAG,
  type ProofParameters,
  readParameters,
  SESSION_STREAM_TAG,
  STREAM_TAG,
} from './proof-parameters.ts'
import { readSignatureFields, type SignatureEntry } from './signature-fields.ts'
import { serializeParams } from './structured-fields/serialize.ts'

const MAX_LIFETIME_SECONDS = 300

/** How many components a proof may cover: an answer covers its own fields and all that its request covered. */
export const MAX_COMPONENTS: Readonly<Record<MessageKind, number>> = Object.freeze({ request: 64, answer: 160 })

const STATUS = componentOf('@status')
const METHOD = componentOf('@method')
const TARGET = componentOf('@request-target')
const TOKEN = componentOf('workload-identity-token')
const OF_REQUEST = [METHOD, TARGET] as const
const OF_ANSWER = [STATUS, ofRequest(METHOD), ofRequest(TARGET)] as const
const OF_SIGNED_REQUEST = [...OF_REQUEST, TOKEN] as const
const OF_SIGNED_ANSWER = [...OF_ANSWER, TOKEN] as const
const DEMANDED_COMPONENTS = DEMANDED.map(componentOf)

/** What a proof consists of. */
export interface ProofParts {
  readonly label: string
  readonly components: readonly Component[]
  readonly parameters: ProofParameters
  /** As bytes, or as a header field carries them: base64 in its one spelling. */
  readonly signature: Bytes | string
  /** The inner list with its parameters, as `@signature-params` and `"signature-input";req;key` carry it. */
  readonly member: string
}

/**
 * What a workload proves a message by: the signature of its token's key (draft-ietf-wimse-http-signature §3), or the MAC
 * of a session. What it says holds once it is verified.
 */
export interface Proof extends ProofParts {
  readonly signature: Bytes
  /** The signature in base64. */
  readonly signatureText: string
  /** Whether the whole value of a field is covered; of the request's field, for an answer that names it `req`. */
  covers(field: string, from?: 'req'): boolean
  /** Whether this very component is covered. */
  has(component: Component): boolean
}

class SignatureProof implements Proof {
  readonly label: string
  readonly components: readonly Component[]
  readonly parameters: ProofParameters
  readonly member: string
  readonly #signature: Bytes | string
  #coverage: Coverage | undefined

  constructor({ label, components, parameters, signature, member }: ProofParts, coverage?: Coverage) {
    this.label = label
    this.components = components
    this.parameters = parameters
    this.member = member
    this.#signature = signature
    this.#coverage = coverage
  }

  get signature(): Bytes {
    const given = this.#signature
    return typeof given === 'string' ? (fromBase64(given) ?? new Uint8Array(0)) : given
  }

  get signatureText(): string {
    const given = this.#signature
    return typeof given === 'string' ? given : toBase64(given)
  }

  has(component: Component): boolean {
    return this.#covered().identities.has(component.identity)
  }

  covers(field: string, from?: 'req'): boolean {
    const { fields, ofRequest: others } = this.#covered()
    return from === undefined ? fields.has(field) : others.has(field)
  }

  #covered(): Coverage {
    this.#coverage ??= coverageOf(this.components)
    return this.#coverage
  }
}

/** What a list of components covers. */
export interface Coverage {
  readonly identities: ReadonlySet<string>
  /** Names of header fields whose whole value is covered … */
  readonly fields: ReadonlySet<string>
  /** … and of those of the request an answer belongs to. */
  readonly ofRequest: ReadonlySet<string>
}

/** Works out what a list of components covers. */
export function coverageOf(components: readonly Component[]): Coverage {
  const fields = new Set<string>()
  const others = new Set<string>()
  for (const component of components) {
    if (isWhole(component)) (component.req ? others : fields).add(component.name)
  }
  return { identities: new Set(components.map(({ identity }) => identity)), fields, ofRequest: others }
}

function isWhole({ name, isDerived, tr, sf, bs, member }: Component): boolean {
  // Condition: a header field named like a derived component does not count as covered.
  if (isDerived || tr || sf || member !== undefined) return false
  // Condition: cookies that are covered as one combined value do not count as covered.
  return bs || name !== 'set-cookie'
}

/** Puts a proof together from its parts; what it covers is worked out when it is asked for, if it is not given. */
export function createProof(parts: ProofParts, coverage?: Coverage): Proof {
  return new SignatureProof(parts, coverage)
}

/** Whether a proof is one by the keys of a session. */
export function isSessionProof({ parameters }: Pick<Proof, 'parameters'>): boolean {
  return parameters.keyid !== undefined
}

/** Whether the body of a proven message follows as a stream: it is named by its envelope, not by a digest. */
export function isStreamProof({ parameters }: Pick<Proof, 'parameters'>): boolean {
  return parameters.tag === STREAM_TAG || parameters.tag === SESSION_STREAM_TAG
}

/** Finds the one proof of a workload and reads it; undefined where a message has none. It proves nothing yet. */
export function readProof(fields: Fields, kind: MessageKind): Proof | undefined {
  const ours = readSignatureFields(fields).filter(({ input }) => isProofTag(input.params.get('tag')))
  const [entry] = ours
  if (entry === undefined) return undefined
  // Condition: a message with two signatures of workloads is refused.
  if (ours.length > 1) throw new CountersignError('proof-ambiguous', { detail: { step: 'tag' } })
  return proofOf(entry, kind)
}

function proofOf({ label, input, signature }: SignatureEntry, kind: MessageKind): Proof {
  // Condition: a proof of more components than 64, or 160 in an answer, is refused.
  if (input.items.length > MAX_COMPONENTS[kind]) {
    throw new CountersignError('signature-malformed', { detail: { step: 'components' } })
  }
  const components = readComponents(input.items, kind)
  const parameters = readParameters(input.params, kind)
  const member = memberOf(components, serializeParams(input.params))
  return createProof({ label, components, parameters, signature, member })
}

/** Writes the inner list of a signature with its parameters. */
export function memberOf(components: readonly Component[], params: string): string {
  let list = ''
  for (const { key } of components) list += list === '' ? key : ` ${key}`
  return `(${list})${params}`
}

/** Checks that a proof is inside its time. `clockDifferenceSeconds` is how old it is by our clock. */
export function checkFreshness(
  { created, expires }: ProofParameters,
  { now, toleranceSeconds }: { now: number; toleranceSeconds: number },
): void {
  const lifetime = expires - created
  // Condition: a proof that lives for more than 300 seconds, or not at all, is refused.
  const isSound = lifetime > 0 && lifetime <= MAX_LIFETIME_SECONDS
  // Condition: a proof from the future, beyond the tolerance, is refused.
  const isMade = created <= now + toleranceSeconds
  // Condition: a proof whose time is over, beyond the tolerance, is refused.
  const isAlive = expires > now - toleranceSeconds
  if (isSound && isMade && isAlive) return
  const step = !isSound ? 'lifetime' : isMade ? 'expires' : 'created'
  throw new CountersignError('proof-expired', { detail: { step, clockDifferenceSeconds: now - created } })
}

/** Checks that a proof covers what the draft and this library demand of a request. */
export function checkRequestCoverage(proof: Proof, request: HttpRequest): void {
  const missing =
    firstMissing(proof, isSessionProof(proof) ? OF_REQUEST : OF_SIGNED_REQUEST) ?? firstDemanded(proof, request.fields)
  // Condition: a request of which something that must be proven is not covered as a whole is refused.
  if (missing !== undefined) throw new CountersignError('field-not-covered', { detail: { step: missing.name } })
}

/** What an answer has to be bound to. */
export interface AnswerBinding {
  readonly requestProof: Proof
  /** Only the draft's demands: for foreign servers, which could be answering another caller's copy of the request. */
  readonly acceptUnbound?: boolean
}

/** Checks that a proof covers what an answer has to prove, and that it belongs to this request and no other. */
export function checkAnswerCoverage(proof: Proof, response: HttpResponse, binding: AnswerBinding): void {
  const { requestProof, acceptUnbound = false } = binding
  // Condition: an answer of which something that must be proven is not covered as a whole is refused.
  throwUnbound(
    firstMissing(proof, isSessionProof(proof) ? OF_ANSWER : OF_SIGNED_ANSWER) ?? firstDemanded(proof, response.fields),
  )
  // Condition: an answer to the nonce of another request is refused.
  if (proof.parameters.requestNonce !== requestProof.parameters.nonce) throw unbound('wimse-req-nonce')
  // Under a session nobody else has the key, and a counter names one request: method and target are for the reader.
  if (isSessionProof(proof) || acceptUnbound) return
  // Condition: an answer that does not cover all that its request covered is refused.
  throwUnbound(firstMissing(proof, requestProof.components.map(ofRequest)))
  // A proof token is covered as a whole, as the field it stands in.
  if (requestProof.parameters.tag === PROOF_TOKEN_TAG) return
  // Condition: an answer that does not cover the parameters of the request's signature is refused.
  throwUnbound(firstMissing(proof, [inputOf(requestProof.label)]))
}

function firstMissing(proof: Proof, components: readonly Component[]): Component | undefined {
  for (const component of components) if (!proof.has(component)) return component
  return undefined
}

function firstDemanded(proof: Proof, fields: Fields): Component | undefined {
  for (const component of DEMANDED_COMPONENTS) {
    if (!proof.has(component) && fields.has(component.name)) return component
  }
  return undefined
}

function throwUnbound(missing: Component | undefined): void {
  if (missing !== undefined) throw unbound(missing.name)
}

function unbound(step: string): CountersignError {
  return new CountersignError('answer-unbound', { detail: { step } })
}

/** The text a proof is verified over; something covered that is not there means that it cannot hold. */
export function proofText(proof: Proof, message: HttpRequest | HttpResponse, request?: HttpRequest): string {
  return signatureBase(proof.components, proof.member, { message, request })
}

/** The same as bytes. */
export function proofBase(proof: Proof, message: HttpRequest | HttpResponse, request?: HttpRequest): Bytes {
  return baseBytes(proofText(proof, message, request))
}

/** Verifies the proof of a session over its text. */
export function verifyMac(proof: Proof, text: string, key: MacKey): MaybePromise<void> {
  return andThen(macOf(key, text), (mac) => assertSame(mac, proof))
}

function assertSame(mac: string, { signatureText }: Proof): void {
  // Condition: a proof whose MAC does not hold under the key of its session and direction is refused.
  if (!equalText(mac, signatureText)) throw new CountersignError('proof-invalid', { detail: { step: 'mac' } })
}

/** Verifies a proof by the key of a token over its base. */
export function verifyProof(proof: Proof, base: Bytes, key: VerifyingKey): MaybePromise<void> {
  return andThen(primitives.verify(key, base, proof.signature), assertHolds)
}

function assertHolds(holds: boolean): void {
  // Condition: a proof whose signature does not hold under the key of the token is refused.
  if (!holds) throw new CountersignError('proof-invalid', { detail: { step: 'signature' } })
}
