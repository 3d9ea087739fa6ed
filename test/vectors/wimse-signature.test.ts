import { describe, expect } from 'vitest'
import { primitives } from '#crypto'
import { utf8 } from '../../src/core/bytes.ts'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields, type HttpRequest, type HttpResponse } from '../../src/core/message.ts'
import type { Jwk, VerifyingKey } from '../../src/crypto/primitives.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { signatureBase } from '../../src/signature/base.ts'
import { verifyContentDigest } from '../../src/signature/content-digest.ts'
import {
  checkAnswerCoverage,
  checkFreshness,
  checkRequestCoverage,
  type Proof,
  proofBase,
  readProof,
  verifyProof,
} from '../../src/signature/proof.ts'
import { vectorFile, vectorIt } from './load.ts'
import { httpMessage, readRaw } from './raw-message.ts'

interface Example {
  valid_at_unix: number
  request: { raw: string; signature_base: string; signature_input_member: string }
  response: { raw: string; signature_base: string; signature_input_member: string }
}

interface Exchanged {
  start: string
  headers: Record<string, string>
  body: string
  'signature-input': string
  signature: string
  signature_base: string
}

interface Negative {
  name: string
  apply?: string
  now?: number
  signature_input?: string
  signature?: string
}

interface Sections {
  http_signature_draft_example: Example
  derived_full_coverage: { now: number; request: Exchanged; response: Exchanged }
  derived_negative: { cases: Negative[] }
}

const sections = (vectorFile('wimse-vectors.json') as { sections: Sections } | undefined)?.sections
const AUDIENCE = 'https://payments.example.com/v1/charges'
const TOLERANCE = 60

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the vectors have no such thing')
  return value
}

/** The key a token names, read without verifying anything: that is the token module's. */
async function proofKey(message: HttpRequest | HttpResponse): Promise<VerifyingKey> {
  const payload = message.fields.get('workload-identity-token')?.split('.')[1] ?? ''
  const { cnf } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { cnf: { jwk: Jwk } }
  return primitives.verifyingKey(suiteOfKey(cnf.jwk), cnf.jwk)
}

function baseOf(proof: Proof, message: HttpRequest | HttpResponse, request?: HttpRequest): string {
  return signatureBase(proof.components, proof.member, { message, request })
}

async function admit(request: HttpRequest, now: number, body?: string): Promise<Proof> {
  const proof = readProof(request.fields, 'request')
  if (proof === undefined) throw new CountersignError('proof-missing')
  checkFreshness(proof.parameters, { now, toleranceSeconds: TOLERANCE })
  checkRequestCoverage(proof, request)
  await verifyProof(proof, proofBase(proof, request), await proofKey(request))
  if (proof.parameters.audience !== AUDIENCE) throw new CountersignError('audience-mismatch')
  if (body !== undefined) await verifyContentDigest(need(request.fields.get('content-digest')), utf8(body))
  return proof
}

async function accept(response: HttpResponse, request: HttpRequest, acceptUnbound = true): Promise<Proof> {
  const proof = readProof(response.fields, 'answer')
  if (proof === undefined) throw new CountersignError('answer-unsigned')
  const requestProof = need(readProof(request.fields, 'request'))
  checkAnswerCoverage(proof, response, { requestProof, acceptUnbound })
  await verifyProof(proof, proofBase(proof, response, request), await proofKey(response))
  return proof
}

describe('draft-ietf-wimse-http-signature, its example', () => {
  const example = sections?.http_signature_draft_example
  const request = () => httpMessage(readRaw(need(example).request.raw)) as HttpRequest
  const response = () => httpMessage(readRaw(need(example).response.raw)) as HttpResponse

  vectorIt('the request holds, its base byte for byte', async () => {
    const proof = need(readProof(request().fields, 'request'))
    expect(proof.member).toBe(need(example).request.signature_input_member)
    expect(baseOf(proof, request())).toBe(need(example).request.signature_base)
    checkFreshness(proof.parameters, { now: need(example).valid_at_unix, toleranceSeconds: 30 })
    checkRequestCoverage(proof, request())
    await verifyProof(proof, proofBase(proof, request()), await proofKey(request()))
    expect(proof.parameters).toMatchObject({ nonce: 'abcd1111', signResponse: true })
  })

  vectorIt('the answer holds, as the draft demands, and is not bound as this library demands', async () => {
    const proof = await accept(response(), request())
    expect(proof.member).toBe(need(example).response.signature_input_member)
    expect(baseOf(proof, response(), request())).toBe(need(example).response.signature_base)
    await verifyContentDigest(need(response().fields.get('content-digest')), utf8('No ice cream today.\n\n'))
    await expect(accept(response(), request(), false)).rejects.toMatchObject({ code: 'answer-unbound' })
  })
})

const derived = sections?.derived_full_coverage

function exchanged(what: Exchanged, given: Partial<Negative> = {}): HttpRequest & HttpResponse {
  const { start, headers } = what
  const [first = '', second = ''] = start.split(' ')
  const fields = new Fields([
    ...Object.entries(headers).flat(),
    'signature-input',
    given.signature_input ?? what['signature-input'],
    'signature',
    given.signature ?? what.signature,
  ])
  // Either half is read by those who need it; a base takes a value with a status for an answer.
  const message = first.startsWith('HTTP/')
    ? { status: Number(second), fields }
    : { method: first, target: second, fields }
  return message as HttpRequest & HttpResponse
}

const theRequest = (given?: Negative): HttpRequest => exchanged(need(derived).request, given)
const theResponse = (given?: Negative): HttpResponse => exchanged(need(derived).response, given)

describe('a full exchange', () => {
  vectorIt('the request holds, its base byte for byte', async () => {
    const proof = await admit(theRequest(), need(derived).now, need(derived).request.body)
    expect(baseOf(proof, theRequest())).toBe(need(derived).request.signature_base)
  })

  vectorIt('the answer holds, its base byte for byte', async () => {
    const proof = await accept(theResponse(), theRequest())
    expect(baseOf(proof, theResponse(), theRequest())).toBe(need(derived).response.signature_base)
    await verifyContentDigest(need(theResponse().fields.get('content-digest')), utf8(need(derived).response.body))
  })
})

const now = derived?.now ?? 0

/** What the file says of each case in words, and the code it is refused with. */
const NEGATIVES: Record<string, [code: string, run: (given: Negative) => Promise<unknown>]> = {
  'request-expired': ['proof-expired', (given) => admit(theRequest(), need(given.now))],
  'body-tampered': [
    'digest-mismatch',
    (given) => admit(theRequest(), now, need(given.apply).replace('replace body with ', '')),
  ],
  'query-tampered': [
    'proof-invalid',
    (given) => admit({ ...theRequest(), target: need(given.apply).replace('request-target -> ', '') }, now),
  ],
  'missing-required-component-authorization': ['field-not-covered', (given) => admit(theRequest(given), now)],
  'missing-wit-coverage': ['field-not-covered', (given) => admit(theRequest(given), now)],
  'keyid-present': ['proof-incomplete', (given) => admit(theRequest(given), now)],
  'alg-present': ['proof-incomplete', (given) => admit(theRequest(given), now)],
  'wrong-tag': ['proof-missing', (given) => admit(theRequest(given), now)],
  'wrong-audience': ['audience-mismatch', (given) => admit(theRequest(given), now)],
  'missing-nonce': ['proof-incomplete', (given) => admit(theRequest(given), now)],
  'signed-with-other-key': ['proof-invalid', (given) => admit(theRequest(given), now)],
  'response-wrong-req-nonce': ['answer-unbound', (given) => accept(theResponse(given), theRequest())],
  'response-unsigned-when-required': [
    'answer-unsigned',
    () => {
      const { status, fields } = theResponse()
      return accept({ status, fields: fields.filter((name) => !name.startsWith('signature')) }, theRequest())
    },
  ],
  'response-for-other-request': ['proof-invalid', () => accept(theResponse(), { ...theRequest(), method: 'GET' })],
}

describe('what has to be refused', () => {
  const others = /^(wit|wpt)-/
  vectorIt('is all here, but for tokens', () => {
    const named = need(sections).derived_negative.cases.map(({ name }) => name)
    expect(named.filter((name) => !others.test(name))).toEqual(Object.keys(NEGATIVES))
  })

  for (const given of sections?.derived_negative.cases ?? []) {
    const negative = NEGATIVES[given.name]
    if (negative === undefined) continue
    const [code, run] = negative
    vectorIt(given.name, () => expect(run(given)).rejects.toMatchObject({ code }))
  }
})
