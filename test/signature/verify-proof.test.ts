import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields, type HttpRequest, type HttpResponse } from '../../src/core/message.ts'
import {
  checkAnswerCoverage,
  proofBase,
  proofText,
  readProof,
  verifyMac,
  verifyProof,
} from '../../src/signature/proof.ts'
import {
  answerParameters,
  calleeKey,
  callerKey,
  clientMac,
  macAnswer,
  macRequest,
  NOW,
  plainRequest,
  proofOf,
  REQUIRED,
  requestParameters,
  serverMac,
  sessionAnswerParameters,
  sessionRequest,
  sessionRequestParameters,
  signedAnswer,
  signedRequest,
} from './exchange.ts'
import { refused } from './refusal.ts'

describe('verifying a proof', () => {
  it('a proof whose signature does not hold under the key of the token is refused', async () => {
    const { request } = await signedRequest()
    const proof = readProof(request.fields, 'request')
    if (proof === undefined) return expect.fail('there is no proof')
    await verifyProof(proof, proofBase(proof, request), await callerKey())
    const other = async () => verifyProof(proof, proofBase(proof, request), await calleeKey())
    await expect(other()).rejects.toMatchObject({ code: 'proof-invalid', detail: { step: 'signature' } })
  })

  it('holds for the one request alone', async () => {
    const { request } = await signedRequest()
    const key = await callerKey()
    const verdict = async (changed: HttpRequest) => {
      try {
        const proof = readProof(changed.fields, 'request')
        if (proof === undefined) return 'none'
        await verifyProof(proof, proofBase(proof, changed), key)
        return 'holds'
      } catch (error) {
        return error instanceof CountersignError ? error.code : 'thrown'
      }
    }
    expect(await verdict(request)).toBe('holds')
    expect(await verdict({ ...request, method: 'PUT' })).toBe('proof-invalid')
    expect(await verdict({ ...request, target: '/entries?dry=2' })).toBe('proof-invalid')
    for (const name of plainRequest.fields.names()) {
      const dropped = await verdict({ ...request, fields: request.fields.filter((field) => field !== name) })
      const doubled = await verdict({ ...request, fields: new Fields([...request.fields.raw, name, 'more']) })
      const passes = ['host', 'traceparent', 'x-forwarded-for'].includes(name) ? 'holds' : 'proof-invalid'
      expect([name, dropped, doubled]).toEqual([name, passes, passes])
    }
    const input = request.fields.get('signature-input') ?? ''
    for (const [part, other] of [
      ['created=1800000000', 'created=1800000001'],
      ['a-nonce', 'b-nonce'],
      ['ledger', 'orders'],
      [';wimse-sign-response', ''],
    ] as const) {
      expect(
        await verdict({ ...request, fields: request.fields.with({ 'signature-input': input.replace(part, other) }) }),
        part,
      ).toBe('proof-invalid')
    }
  })

  it('holds for the answer to the one request alone', async () => {
    const sent = await signedRequest()
    const { response } = await signedAnswer(sent)
    const proof = readProof(response.fields, 'answer')
    if (proof === undefined) return expect.fail('there is no proof')
    const verdict = async (changed: HttpResponse, request: HttpRequest) => {
      try {
        checkAnswerCoverage(proof, changed, { requestProof: sent.proof })
        await verifyProof(proof, proofBase(proof, changed, request), await calleeKey())
        return 'holds'
      } catch (error) {
        return error instanceof CountersignError ? error.code : 'thrown'
      }
    }
    expect(await verdict(response, sent.request)).toBe('holds')
    expect(await verdict({ ...response, status: 200 }, sent.request)).toBe('proof-invalid')
    const split = response.fields.filter((name) => name !== 'set-cookie').raw
    const cookies = new Fields([...split, 'Set-Cookie', 'a=1', 'Set-Cookie', 'b', 'Set-Cookie', 'c=2'])
    expect(await verdict({ ...response, fields: cookies }, sent.request)).toBe('proof-invalid')
    // Another caller who copied the nonce: the same method, target and nonce, and yet another request.
    const copied = await signedRequest({ ...plainRequest, fields: plainRequest.fields.with({ 'x-tenant': 'other' }) })
    expect(await verdict(response, copied.request)).toBe('proof-invalid')
    const later = await signedRequest(plainRequest, { ...requestParameters, created: NOW + 1 })
    expect(await verdict(response, later.request)).toBe('proof-invalid')
    const answeredOther = await signedAnswer(
      sent,
      { status: 200, fields: new Fields(['Workload-Identity-Token', 'd']) },
      { ...answerParameters, requestNonce: 'b' },
    )
    expect(refused(() => checkAnswerCoverage(answeredOther.proof, response, { requestProof: sent.proof }))[0]).toBe(
      'answer-unbound',
    )
  })

  it('cannot hold where something covered is not there', async () => {
    const proof = proofOf(`${REQUIRED} "x-gone"`)
    const request = { ...plainRequest, fields: new Fields(['Workload-Identity-Token', 't']) }
    expect(refused(() => proofBase(proof, request))).toEqual(['proof-invalid', 'x-gone'])
  })
})

describe('verifying a proof of a session', () => {
  async function verdictOf(check: () => Promise<void>): Promise<string> {
    try {
      await check()
      return 'holds'
    } catch (error) {
      return error instanceof CountersignError ? `${error.code} ${error.detail.step}` : 'thrown'
    }
  }

  const requestVerdict = (request: HttpRequest, key = clientMac) =>
    verdictOf(async () => {
      const proof = readProof(request.fields, 'request')
      if (proof === undefined) throw new Error('there is no proof')
      await verifyMac(proof, proofText(proof, request), await key())
    })

  it('a proof whose MAC does not hold under the key of its session and direction is refused', async () => {
    const sent = await macRequest()
    expect(await requestVerdict(sent.request)).toBe('holds')
    expect(await requestVerdict(sent.request, serverMac)).toBe('proof-invalid mac')
    const { response, proof } = await macAnswer(sent)
    const answerVerdict = (key = serverMac) =>
      verdictOf(async () => verifyMac(proof, proofText(proof, response, sent.request), await key()))
    expect([await answerVerdict(), await answerVerdict(clientMac)]).toEqual(['holds', 'proof-invalid mac'])
  })

  it('holds only for the whole MAC', async () => {
    const { request } = await macRequest()
    const mac = Buffer.from(request.fields.get('signature')?.slice(9, -1) ?? '', 'base64')
    const longer = Buffer.concat([mac, Buffer.from([0])])
    for (const other of [mac.subarray(0, 31), mac.subarray(0, 16), longer, Buffer.alloc(0), Buffer.alloc(32)]) {
      const fields = request.fields.with({ signature: `session=:${other.toString('base64')}:` })
      expect(await requestVerdict({ ...request, fields }), String(other.length)).toBe('proof-invalid mac')
    }
  })

  it('holds for the one request alone', async () => {
    const { request } = await macRequest()
    expect(await requestVerdict({ ...request, method: 'PUT' })).toBe('proof-invalid mac')
    expect(await requestVerdict({ ...request, target: '/entries?dry=2' })).toBe('proof-invalid mac')
    for (const name of sessionRequest.fields.names()) {
      const fields = new Fields([...request.fields.raw, name, 'more'])
      const passes = ['host', 'traceparent', 'x-forwarded-for'].includes(name) ? 'holds' : 'proof-invalid mac'
      expect(await requestVerdict({ ...request, fields }), name).toBe(passes)
    }
    const input = request.fields.get('signature-input') ?? ''
    for (const [part, other] of [
      ['created=1800000000', 'created=1800000001'],
      ['expires=1800000060', 'expires=1800000061'],
      ['nonce="7"', 'nonce="8"'],
      ['keyid="A', 'keyid="B'],
      ['ledger', 'orders'],
      [';wimse-sign-response', ''],
      [' "x-tenant"', ''],
    ] as const) {
      const fields = request.fields.with({ 'signature-input': input.replace(part, other) })
      expect(await requestVerdict({ ...request, fields }), part).toBe('proof-invalid mac')
    }
  })

  it('holds for the answer to the one call alone', async () => {
    const sent = await macRequest()
    const { response, proof } = await macAnswer(sent)
    const answerVerdict = (changed: HttpResponse, to = sent) =>
      verdictOf(async () => {
        checkAnswerCoverage(proof, changed, { requestProof: to.proof })
        await verifyMac(proof, proofText(proof, changed, to.request), await serverMac())
      })
    expect(await answerVerdict(response)).toBe('holds')
    expect(await answerVerdict({ ...response, status: 200 })).toBe('proof-invalid mac')
    const other = response.fields.with({ 'content-digest': 'sha-256=:CCCC:' })
    expect(await answerVerdict({ ...response, fields: other })).toBe('proof-invalid mac')
    const next = await macRequest(sessionRequest, { ...sessionRequestParameters, nonce: '8' })
    expect(await answerVerdict(response, next)).toBe('answer-unbound wimse-req-nonce')
    const elsewhere = await macRequest({ ...sessionRequest, target: '/other' })
    expect(await answerVerdict(response, elsewhere)).toBe('proof-invalid mac')
    const toNobody = await macAnswer(sent, response, { ...sessionAnswerParameters, requestNonce: undefined })
    expect(refused(() => checkAnswerCoverage(toNobody.proof, response, { requestProof: sent.proof }))).toEqual([
      ...['answer-unbound', 'wimse-req-nonce'],
    ])
  })
})
