import { describe, expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import { isSessionProof, proofBase, proofText, readProof, verifyMac, verifyProof } from '../../src/signature/proof.ts'
import { signAnswer, signRequest } from '../../src/signature/sign-proof.ts'
import {
  answerParameters,
  calleeKey,
  callerKey,
  clientMac,
  freshKey,
  macAnswer,
  macRequest,
  plainRequest,
  plainResponse,
  requestParameters,
  SESSION_ID,
  serverMac,
  sessionRequestParameters,
  signedAnswer,
  signedRequest,
  signingKey,
} from './exchange.ts'
import { refusal } from './refusal.ts'

const fieldsOf = (count: number, length = 1) =>
  new Fields(Array.from({ length: count }, (_, i) => [`X-${'h'.repeat(length)}-${i}`, 'v']).flat())

describe('signing a request', () => {
  it('covers method, target and every field but the unproven ones', async () => {
    const { request, proof } = await signedRequest()
    expect(request.fields.get('signature-input')).toBe(
      'wimse=("@method" "@request-target" "content-type" "x-tenant" "content-digest" "authorization"' +
        ' "workload-identity-token");created=1800000000;expires=1800000060;nonce="a-nonce"' +
        ';tag="wimse-workload-to-workload";wimse-aud="spiffe://acme.internal/ledger";wimse-sign-response',
    )
    const read = readProof(request.fields, 'request')
    expect(read?.member).toBe(proof.member)
    expect(read?.components).toEqual(proof.components)
    expect(read?.signature).toEqual(proof.signature)
    expect(read?.parameters).toEqual({ ...requestParameters, requestNonce: undefined })
    await verifyProof(proof, proofBase(proof, request), await callerKey())
  })

  it('takes another label, if it is one', async () => {
    const key = await signingKey(freshKey())
    const given = { request: plainRequest, parameters: requestParameters, signingKey: key }
    const { fields } = await signRequest({ ...given, label: 'sig-1' })
    expect(fields.signature).toMatch(/^sig-1=:[A-Za-z0-9+/]{86}==:$/)
    expect(refusal(() => signRequest({ ...given, label: 'Sig 1' })).code).toBe('option-invalid')
  })

  it('covers what a message has, whatever messages came before', async () => {
    const key = await signingKey(freshKey())
    const covered = async (names: readonly string[]) => {
      const fields = new Fields(names.flatMap((name) => [name, 'v']))
      const given = { request: { ...plainRequest, fields }, parameters: requestParameters, signingKey: key }
      return (await signRequest(given)).proof.components.map(({ name }) => name).slice(2)
    }
    // More kinds of header than are remembered, each as a part, a whole and an order of the others.
    for (const round of [1, 2]) {
      for (let i = 0; i < 300; i++) {
        const names = [`x-${i}`, `x-${(i + round) % 300}-b`]
        expect(await covered(names)).toEqual(names)
      }
    }
    expect(await covered(['x-1-b', 'x-0'])).toEqual(['x-1-b', 'x-0'])
    expect(await covered(['x-0'])).toEqual(['x-0'])
    const long = Array.from({ length: 30 }, (_, i) => `x-${'long'.repeat(20)}-${i}`)
    for (const names of [long, long.toReversed(), long]) expect(await covered(names)).toEqual(names)
  }, 30_000)

  it('a message with more fields than a proof may cover is not signed', async () => {
    const key = await signingKey(freshKey())
    const sign = (count: number) =>
      signRequest({
        request: { ...plainRequest, fields: fieldsOf(count) },
        parameters: requestParameters,
        signingKey: key,
      })
    expect((await sign(62)).proof.components).toHaveLength(64)
    expect(refusal(() => sign(63))).toMatchObject({ code: 'option-invalid', detail: { step: 'count' } })
  })

  it('a message whose Signature-Input would be too long is not signed', async () => {
    const key = await signingKey(freshKey())
    const request = { ...plainRequest, fields: fieldsOf(60, 140) }
    const error = refusal(() => signRequest({ request, parameters: requestParameters, signingKey: key }))
    expect(error).toMatchObject({ code: 'option-invalid', detail: { option: 'headers', step: 'length' } })
  })

  it('a field whose value cannot be covered is not signed', async () => {
    const key = await signingKey(freshKey())
    const sign = (name: string, value: string) => {
      const fields = new Fields(['Accept', '*/*', name, value])
      return refusal(() =>
        signRequest({ request: { ...plainRequest, fields }, parameters: requestParameters, signingKey: key }),
      )
    }
    for (const [name, value] of [
      ['x-accent', 'caf\u00e9'],
      ['x-break', 'a\r\nb: c'],
    ] as const) {
      const error = sign(name, value)
      expect(error).toMatchObject({ code: 'option-invalid', detail: { option: 'headers', step: name } })
      expect(error.message).not.toContain(value)
    }
    for (const name of ['@method', 'x y', ':path'])
      expect(sign(name, 'v')).toMatchObject({ code: 'option-invalid', detail: { step: 'name' } })
  })
})

describe('signing an answer', () => {
  it('covers status, its fields, and all that its request covered', async () => {
    const sent = await signedRequest()
    const { response, proof } = await signedAnswer(sent)
    expect(response.fields.get('signature-input')).toBe(
      'wimse=("@status" "@method";req "@request-target";req "content-type" "workload-identity-token" "set-cookie";bs' +
        ' "content-digest" "content-type";req "x-tenant";req "content-digest";req "authorization";req' +
        ' "workload-identity-token";req "signature-input";req;key="wimse");created=1800000000;expires=1800000060' +
        ';nonce="another-nonce";tag="wimse-workload-to-workload";wimse-req-nonce="a-nonce"',
    )
    await verifyProof(proof, proofBase(proof, response, sent.request), await calleeKey())
  })

  it('that cannot be signed as a whole is refused, naming the field', async () => {
    const sent = await signedRequest()
    const key = await signingKey(freshKey('Ed25519'))
    const sign = (fields: Fields) =>
      refusal(() =>
        signAnswer({
          response: { ...plainResponse, fields },
          request: sent.request,
          requestProof: sent.proof,
          parameters: answerParameters,
          signingKey: key,
        }),
      )
    expect(sign(new Fields(['X-Accent', '\u00e9']))).toMatchObject({
      code: 'answer-unsignable',
      detail: { step: 'x-accent' },
    })
    expect(sign(fieldsOf(160))).toMatchObject({ code: 'answer-unsignable', detail: { step: 'count' } })
  })
})

describe('signing under a session', () => {
  const SENT =
    ';created=1800000000;expires=1800000060;nonce="7";keyid="AAAAAAAAAAAAAAAAAAAAAA";tag="countersign-session"'

  it('covers of a request what a signature covers, and needs no token', async () => {
    const { request, proof } = await macRequest()
    expect(request.fields.get('signature-input')).toBe(
      'session=("@method" "@request-target" "content-type" "x-tenant" "content-digest" "authorization")' +
        `${SENT};wimse-aud="spiffe://acme.internal/ledger";wimse-sign-response`,
    )
    expect(request.fields.get('signature')).toMatch(/^session=:[A-Za-z0-9+/]{43}=:$/)
    expect(readProof(request.fields, 'request')).toEqual(proof)
    expect([isSessionProof(proof), proof.parameters.keyid]).toEqual([true, SESSION_ID])
    expect(isSessionProof((await signedRequest()).proof)).toBe(false)
    await verifyMac(proof, proofText(proof, request), await clientMac())
  })

  it('covers of an answer its own fields, and of the request no more than method and target', async () => {
    const sent = await macRequest()
    const { response, proof } = await macAnswer(sent)
    expect(response.fields.get('signature-input')).toBe(
      'session=("@status" "@method";req "@request-target";req "content-type" "set-cookie";bs "content-digest")' +
        ';created=1800000000;expires=1800000060;keyid="AAAAAAAAAAAAAAAAAAAAAA";tag="countersign-session"' +
        ';wimse-req-nonce="7"',
    )
    expect(proof.parameters.nonce).toBe('')
    await verifyMac(proof, proofText(proof, response, sent.request), await serverMac())
  })

  it('takes the label it is given', async () => {
    const { fields } = await signRequest({
      request: plainRequest,
      parameters: sessionRequestParameters,
      macKey: await clientMac(),
      label: 'mine',
    })
    expect([fields['signature-input'].split('=')[0], fields.signature.split('=')[0]]).toEqual(['mine', 'mine'])
  })

  it('refuses what a signature refuses', async () => {
    const macKey = await clientMac()
    const sign = (fields: Fields) =>
      refusal(() => signRequest({ request: { ...plainRequest, fields }, parameters: sessionRequestParameters, macKey }))
    expect(sign(new Fields(['x-accent', '\u00e9']))).toMatchObject({
      code: 'option-invalid',
      detail: { step: 'x-accent' },
    })
    expect(sign(fieldsOf(64))).toMatchObject({ code: 'option-invalid', detail: { step: 'count' } })
  })
})
