import { CountersignError } from '../core/errors.ts'
import type { MessageKind } from './component.ts'
import { serializeParams } from './structured-fields/serialize.ts'
import type { BareItem, Params } from './structured-fields/value.ts'

/** The tag by which a workload's signature is found among others (draft-ietf-wimse-http-signature §3). */
export const WIMSE_TAG = 'wimse-workload-to-workload'

const MAX_NONCE_LENGTH = 128

/** What a proof says of itself. Times are epoch seconds. */
export interface ProofParameters {
  readonly created: number
  readonly expires: number
  /** Names the call: never used twice. */
  readonly nonce: string
  readonly tag: string
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
  // Condition: a proof with "keyid" or "alg" is refused: the token names key and algorithm.
  if (params.has('keyid') || params.has('alg')) throw incomplete(params.has('alg') ? 'alg' : 'keyid')
  const audience = textOf(params, 'wimse-aud')
  // Condition: a proof of a request that names no audience is refused.
  if (kind === 'request' && audience === undefined) throw incomplete('wimse-aud')
  return {
    created: integerOf(params, 'created'),
    expires: integerOf(params, 'expires'),
    nonce: nonceOf(params),
    tag: WIMSE_TAG,
    audience,
    signResponse: flagOf(params, 'wimse-sign-response'),
    requestNonce: textOf(params, 'wimse-req-nonce'),
  }
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
  const { created, expires, nonce, tag, audience, signResponse, requestNonce } = parameters
  const params: [string, BareItem][] = [
    ['created', created],
    ['expires', expires],
    ['nonce', nonce],
    ['tag', tag],
  ]
  if (audience !== undefined) params.push(['wimse-aud', audience])
  if (signResponse) params.push(['wimse-sign-response', true])
  if (requestNonce !== undefined) params.push(['wimse-req-nonce', requestNonce])
  return serializeParams(params)
}
