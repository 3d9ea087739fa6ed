import { generateKeyPairSync } from 'node:crypto'
import { primitives } from '#crypto'
import { Fields, type HttpRequest, type HttpResponse } from '../../src/core/message.ts'
import type { Jwk, MacKey, SigningKey, VerifyingKey } from '../../src/crypto/primitives.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { type Proof, readProof } from '../../src/signature/proof.ts'
import { type ProofParameters, SESSION_TAG, WIMSE_TAG } from '../../src/signature/proof-parameters.ts'
import { type SignedProof, signAnswer, signRequest } from '../../src/signature/sign-proof.ts'

export const NOW = 1_800_000_000

/** A fresh private key. */
export function freshKey(name: 'ES256' | 'Ed25519' = 'ES256'): Jwk {
  const pair = name === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  return pair.privateKey.export({ format: 'jwk' }) as Jwk
}

/** The public half of a private key. */
export function publicHalf({ d: _, ...jwk }: Jwk): Jwk {
  return jwk
}

const caller = freshKey('ES256')
const callee = freshKey('Ed25519')

export async function signingKey(jwk: Jwk): Promise<SigningKey> {
  return primitives.signingKey(suiteOfKey(jwk), jwk)
}

async function verifyingKey(jwk: Jwk): Promise<VerifyingKey> {
  return primitives.verifyingKey(suiteOfKey(jwk), jwk)
}

export const callerKey = () => verifyingKey(caller)
export const calleeKey = () => verifyingKey(callee)

export const requestParameters: ProofParameters = Object.freeze({
  created: NOW,
  expires: NOW + 60,
  nonce: 'a-nonce',
  tag: WIMSE_TAG,
  audience: 'spiffe://acme.internal/ledger',
  signResponse: true,
})

export const answerParameters: ProofParameters = Object.freeze({
  created: NOW,
  expires: NOW + 60,
  nonce: 'another-nonce',
  tag: WIMSE_TAG,
  signResponse: false,
  requestNonce: 'a-nonce',
})

export const SESSION_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

export const sessionRequestParameters: ProofParameters = Object.freeze({
  ...requestParameters,
  nonce: '7',
  tag: SESSION_TAG,
  keyid: SESSION_ID,
})

export const sessionAnswerParameters: ProofParameters = Object.freeze({
  ...answerParameters,
  nonce: '',
  tag: SESSION_TAG,
  keyid: SESSION_ID,
  requestNonce: '7',
})

/** One direction of a session. */
async function macKeyOf(fill: number): Promise<MacKey> {
  return primitives.macKey(new Uint8Array(32).fill(fill))
}

export const clientMac = () => macKeyOf(1)
export const serverMac = () => macKeyOf(2)

export const plainRequest: HttpRequest = {
  method: 'POST',
  target: '/entries?dry=1',
  fields: new Fields([
    ...['Host', 'ledger', 'Content-Type', 'application/json', 'X-Tenant', 'acme', 'X-Tenant', 'eu'],
    ...['Content-Digest', 'sha-256=:AAAA:', 'Authorization', 'Bearer t', 'Workload-Identity-Token', 'a.b.c'],
    ...['Traceparent', '00-1-2-01', 'X-Forwarded-For', '10.0.0.1'],
  ]),
}

export const plainResponse: HttpResponse = {
  status: 201,
  fields: new Fields([
    ...['Content-Type', 'application/json', 'Date', 'today', 'Workload-Identity-Token', 'd.e.f'],
    ...['Set-Cookie', 'a=1, b', 'Set-Cookie', 'c=2', 'Content-Digest', 'sha-256=:BBBB:'],
  ]),
}

/** A request with its two fields. */
export async function signedRequest(
  request: HttpRequest = plainRequest,
  parameters: ProofParameters = requestParameters,
): Promise<{ request: HttpRequest; proof: Proof }> {
  const signed = await signRequest({ request, parameters, signingKey: await signingKey(caller) })
  return { request: { ...request, fields: withProof(request.fields, signed) }, proof: signed.proof }
}

/** An answer to it with its two fields. */
export async function signedAnswer(
  to: { request: HttpRequest; proof: Proof },
  response: HttpResponse = plainResponse,
  parameters: ProofParameters = answerParameters,
): Promise<{ response: HttpResponse; proof: Proof }> {
  const key = await signingKey(callee)
  const signed = await signAnswer({
    response,
    request: to.request,
    requestProof: to.proof,
    parameters,
    signingKey: key,
  })
  return { response: { ...response, fields: withProof(response.fields, signed) }, proof: signed.proof }
}

/** What is sent under a session: no token. */
export const sessionRequest: HttpRequest = {
  ...plainRequest,
  fields: plainRequest.fields.filter((name) => name !== 'workload-identity-token'),
}

export const sessionResponse: HttpResponse = {
  ...plainResponse,
  fields: plainResponse.fields.filter((name) => name !== 'workload-identity-token'),
}

/** A request under a session with its two fields. */
export async function macRequest(
  request: HttpRequest = sessionRequest,
  parameters: ProofParameters = sessionRequestParameters,
): Promise<{ request: HttpRequest; proof: Proof }> {
  const signed = await signRequest({ request, parameters, macKey: await clientMac() })
  return { request: { ...request, fields: withProof(request.fields, signed) }, proof: signed.proof }
}

/** An answer under a session with its two fields. */
export async function macAnswer(
  to: { request: HttpRequest; proof: Proof },
  response: HttpResponse = sessionResponse,
  parameters: ProofParameters = sessionAnswerParameters,
): Promise<{ response: HttpResponse; proof: Proof }> {
  const { request, proof: requestProof } = to
  const signed = await signAnswer({ response, request, requestProof, parameters, macKey: await serverMac() })
  return { response: { ...response, fields: withProof(response.fields, signed) }, proof: signed.proof }
}

function withProof(fields: Fields, { fields: added }: SignedProof): Fields {
  return fields.with({ ...added })
}

/** The two fields of one signature by its inner list, with bytes that hold for nothing. */
export function proofFields(input: string, label = 'wimse'): Fields {
  return new Fields(['Signature-Input', `${label}=${input}`, 'Signature', `${label}=:AAAA:`])
}

export const REQUIRED = '"@method" "@request-target" "workload-identity-token"'
export const PARAMETERS = `;created=${NOW};expires=${NOW + 60};nonce="a-nonce";tag="${WIMSE_TAG}";wimse-aud="me"`

/** Reads a request's proof from an inner list and parameters as they are written. */
export function proofOf(list = REQUIRED, params = PARAMETERS): Proof {
  const proof = readProof(proofFields(`(${list})${params}`), 'request')
  if (proof === undefined) throw new Error('there is no proof')
  return proof
}
