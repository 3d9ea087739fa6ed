import { nowSeconds } from '../core/clock.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import { Fields, type HttpRequest, type HttpResponse } from '../core/message.ts'
import { randomNonce } from '../core/random.ts'
import { contentDigest } from '../signature/content-digest.ts'
import type { Proof } from '../signature/proof.ts'
import { type ProofParameters, tagFor } from '../signature/proof-parameters.ts'
import { type ProofKey, signAnswer } from '../signature/sign-proof.ts'
import type { HttpAnswer } from './http-answer.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import type { OpenSession } from './sessions.ts'

const LIFETIME_SECONDS = 60
/** The fields of an answer that the library writes itself. */
export const OWN_FIELDS: ReadonlySet<string> = new Set([
  'signature',
  'signature-input',
  'workload-identity-token',
  'content-digest',
  'content-envelope',
  'cache-control',
])

/** Answers to HEAD, 204 and 304 have neither body nor digest. */
export function bodyOf(request: HttpRequest, { status, body }: HttpAnswer): HttpAnswer['body'] {
  const isBodyless = request.method === 'HEAD' || status === 204 || status === 304 || body?.length === 0
  return isBodyless ? undefined : body
}

/** An answer to sign, and what it answers. */
export interface ToSign {
  readonly proof: Proof
  readonly request: HttpRequest
  readonly given: HttpAnswer
  /** Whose server key signs; without one the key of our token does. */
  readonly session: OpenSession | undefined
}

/** An answer that is signed, with its proof. */
export interface SignedAnswer {
  readonly answer: HttpAnswer
  readonly answerProof: Proof
}

/** Signs an answer as a whole. */
export function signAnswerOf(guard: GuardSettings, what: ToSign): MaybePromise<SignedAnswer> {
  const { request, given } = what
  const body = bodyOf(request, given)
  return andThen(signer(guard, what.session), (by) =>
    andThen(body === undefined ? undefined : contentDigest(body), (digest) => {
      const response = { status: given.status, fields: fieldsToSign(given, by.token, digest) }
      return signFields(guard, what, { response, body, key: by.key, isStream: false })
    }),
  )
}

/** Signs the head of an answer whose body follows: its envelope is named there. */
export function signHeadOf(guard: GuardSettings, what: ToSign): MaybePromise<HttpResponse> {
  return andThen(signer(guard, what.session), (by) => {
    const response = { status: what.given.status, fields: fieldsToSign(what.given, by.token, undefined) }
    const signed = signFields(guard, what, { response, body: undefined, key: by.key, isStream: true })
    return andThen(signed, ({ answer }) => answer)
  })
}

/** What the handler set, but for the fields that are ours to write. */
function fieldsToSign({ fields }: HttpAnswer, token: string | undefined, digest: string | undefined): Fields {
  const raw: string[] = []
  const given = fields.raw
  for (let i = 0; i + 1 < given.length; i += 2) {
    const name = given[i] as string
    if (!OWN_FIELDS.has(name.toLowerCase())) raw.push(name, given[i + 1] as string)
  }
  raw.push('Cache-Control', 'no-store, no-transform')
  const envelope = fields.get('content-envelope')
  if (token !== undefined) raw.push('Workload-Identity-Token', token)
  if (envelope !== undefined) raw.push('Content-Envelope', envelope)
  if (digest !== undefined) raw.push('Content-Digest', digest)
  return new Fields(raw)
}

interface Prepared {
  readonly response: HttpResponse
  readonly body: HttpAnswer['body']
  readonly key: ProofKey
  readonly isStream: boolean
}

function signFields(
  guard: GuardSettings,
  { proof, request, session }: ToSign,
  { response, body, key, isStream }: Prepared,
): MaybePromise<SignedAnswer> {
  const parameters = parametersOf(guard, proof, { session, isStream })
  const signed = signAnswer({ response, request, requestProof: proof, parameters, ...key })
  return andThen(signed, ({ fields, proof: answerProof }) => {
    const whole = response.fields.and(['Signature-Input', fields['signature-input'], 'Signature', fields.signature])
    return { answer: { status: response.status, fields: whole, body }, answerProof }
  })
}

interface Signer {
  readonly token: string | undefined
  readonly key: ProofKey
}

function signer({ engine }: GuardSettings, session: OpenSession | undefined): MaybePromise<Signer> {
  if (session !== undefined) return { token: undefined, key: { macKey: session.keys.serverMac } }
  return andThen(engine.credentials.current(), ({ token, signingKey }) => ({ token, key: { signingKey } }))
}

function parametersOf(
  { engine }: GuardSettings,
  proof: Proof,
  { session, isStream }: { readonly session: OpenSession | undefined; readonly isStream: boolean },
): ProofParameters {
  const created = nowSeconds(engine.clock)
  return {
    created,
    expires: created + LIFETIME_SECONDS,
    nonce: session === undefined ? randomNonce() : '',
    tag: tagFor({ isSession: session !== undefined, isStream }),
    keyid: session?.id,
    signResponse: false,
    requestNonce: proof.parameters.nonce,
  }
}
