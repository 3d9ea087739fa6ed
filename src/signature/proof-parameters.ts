import { CountersignError } from '../core/errors.ts'
import type { MessageKind } from './component.ts'
import { serializeInteger, serializeString } from './structured-fields/serialize.ts'
import type { Params } from './structured-fields/value.ts'

/** The tag by which a workload's signature is found among others (draft-ietf-wimse-http-signature §3). */
export const WIMSE_TAG = 'wimse-workload-to-workload'

/** The tag of a proof by the keys of a session. */
export const SESSION_TAG = 'countersign-session'

/** The same two for a message whose body follows as a stream: an envelope that the signature names, and no digest. */
export const STREAM_TAG = 'countersign-stream'
export const SESSION_STREAM_TAG = 'countersign-session-stream'

/** What a proof token is found by, within: it stands in no signature. */
export const PROOF_TOKEN_TAG = 'workload-proof-token'

/** All tags of workloads, and whether the keys of a session prove what has one. */
const TAGS: ReadonlyMap<unknown, { readonly tag: string; readonly isSession: boolean }> = new Map([
  [WIMSE_TAG, { tag: WIMSE_TAG, isSession: false }],
  [SESSION_TAG, { tag: SESSION_TAG, isSession: true }],
  [STREAM_TAG, { tag: STREAM_TAG, isSession: false }],
  [SESSION_STREAM_TAG, { tag: SESSION_STREAM_TAG, isSession: true }],
])

/** Whether a signature with this tag is one of a workload. */
export function isProofTag(tag: unknown): boolean {
  return TAGS.has(tag)
}

/** The tag of a message, by what proves it and how its body travels. */
export function tagFor({ isSession, isStream }: { isSession: boolean; isStream: boolean }): string {
  if (isStream) return isSession ? SESSION_STREAM_TAG : STREAM_TAG
  return isSession ? SESSION_TAG : WIMSE_TAG
}

const MAX_NONCE_LENGTH = 128
const SESSION_ID = /^[A-Za-z0-9_-]{22}$/
const COUNTER = /^[1-9][0-9]{0,15}$/

/** What a proof says of itself. Times are epoch seconds. */
export interface ProofParameters {
  readonly created: number
  readonly expires: number
  /** Names the call: never used twice. Under a session its counter, and nothing in an answer. */
  readonly nonce: string
  readonly tag: string
  /** The session, where its keys prove the message; a proof under a token names none. */
  readonly keyid?: string | undefined
  /** Whom a request is for. */
  readonly audience?: string | undefined
  /** Whether a request asks for a signed answer. */
  readonly signResponse: boolean
  /** The nonce of the request an answer belongs to. */
  readonly requestNonce?: string | undefined
}

function incomplete(step: string): CountersignError {
  return new CountersignError('proof-incomplete', { detail: { step } })
}

/** Reads the parameters of a proof; others than these are signed like them, and ignored. */
export function readParameters(params: Params, kind: MessageKind): ProofParameters {
  const { tag, isSession } = TAGS.get(params.get('tag')) ?? { tag: WIMSE_TAG, isSession: false }
  // Condition: a proof with "alg" is refused: the token or the session names the algorithm.
  if (params.has('alg')) throw incomplete('alg')
  // Condition: a proof under a token with "keyid" is refused: the token names the key.
  if (!isSession && params.has('keyid')) throw incomplete('keyid')
  const audience = textOf(params, 'wimse-aud')
  // Condition: a proof of a request that names no audience is refused.
  if (kind === 'request' && audience === undefined) throw incomplete('wimse-aud')
  return {
    created: integerOf(params, 'created'),
    expires: integerOf(params, 'expires'),
    nonce: isSession ? counterOf(params, kind) : nonceOf(params),
    tag,
    keyid: isSession ? sessionOf(params) : undefined,
    audience,
    signResponse: flagOf(params, 'wimse-sign-response'),
    requestNonce: textOf(params, 'wimse-req-nonce'),
  }
}

/** The name of the call a request's proof belongs to: under a session its id and the counter, else the nonce. */
export function callNameOf({ keyid, nonce }: ProofParameters): string {
  return keyid === undefined ? nonce : `${keyid}.${nonce}`
}

/** The session and the counter that a call's name is made of, if it is. */
export function readCallName(name: string): { readonly id: string; readonly counter: number } | undefined {
  const at = name.length > 23 && name[22] === '.' ? 22 : -1
  const [id, counter] = at === -1 ? ['', ''] : [name.slice(0, at), name.slice(at + 1)]
  return SESSION_ID.test(id) && isCounter(counter) ? { id, counter: Number(counter) } : undefined
}

function isCounter(text: string): boolean {
  return COUNTER.test(text) && Number.isSafeInteger(Number(text))
}

function sessionOf(params: Params): string {
  const keyid = textOf(params, 'keyid')
  // Condition: a proof of a session that does not name it by 128 bits in base64url is refused.
  if (keyid === undefined || !SESSION_ID.test(keyid)) throw incomplete('keyid')
  return keyid
}

function counterOf(params: Params, kind: MessageKind): string {
  if (kind === 'answer') return ''
  const counter = textOf(params, 'nonce')
  // Condition: a proof of a session whose nonce is not a decimal counter from 1, below 2^53, is refused.
  if (counter === undefined || !isCounter(counter)) throw incomplete('nonce')
  return counter
}

function integerOf(params: Params, name: string): number {
  const value = params.get(name)
  // Condition: a proof whose "created" or "expires" is not an integer is refused.
  if (typeof value !== 'number') throw incomplete(name)
  return value
}

function nonceOf(params: Params): string {
  const nonce = textOf(params, 'nonce')
  // Condition: a proof without a nonce of 1 to 128 characters is refused.
  if (nonce === undefined || nonce === '' || nonce.length > MAX_NONCE_LENGTH) throw incomplete('nonce')
  return nonce
}

function textOf(params: Params, name: string): string | undefined {
  const value = params.get(name)
  // Condition: a proof whose nonce, audience or request nonce is not a string is refused.
  if (value !== undefined && typeof value !== 'string') throw incomplete(name)
  return value
}

function flagOf(params: Params, name: string): boolean {
  const value = params.get(name) ?? false
  // Condition: a proof whose wish for a signed answer is not a boolean is refused.
  if (typeof value !== 'boolean') throw incomplete(name)
  return value
}

/** Writes parameters as they are signed: always in this order. */
export function serializeParameters(parameters: ProofParameters): string {
  const { created, expires, nonce, tag, keyid, audience, signResponse, requestNonce } = parameters
  let text = `;created=${serializeInteger(created)};expires=${serializeInteger(expires)}`
  if (nonce !== '') text += `;nonce=${serializeString(nonce)}`
  if (keyid !== undefined) text += `;keyid=${serializeString(keyid)}`
  text += `;tag=${serializeString(tag)}`
  if (audience !== undefined) text += `;wimse-aud=${serializeString(audience)}`
  if (signResponse) text += ';wimse-sign-response'
  if (requestNonce !== undefined) text += `;wimse-req-nonce=${serializeString(requestNonce)}`
  return text
}
