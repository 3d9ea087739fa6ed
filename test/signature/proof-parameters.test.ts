import { describe, expect, it } from 'vitest'
import type { MessageKind } from '../../src/signature/component.ts'
import { readParameters, serializeParameters, WIMSE_TAG } from '../../src/signature/proof-parameters.ts'
import { parseItem } from '../../src/signature/structured-fields/parse.ts'
import { NO_PARAMS } from '../../src/signature/structured-fields/value.ts'
import { answerParameters, requestParameters } from './exchange.ts'
import { refused } from './refusal.ts'

const GOOD: Record<string, string> = {
  created: '1',
  expires: '2',
  nonce: '"n"',
  tag: `"${WIMSE_TAG}"`,
  'wimse-aud': '"me"',
}

function read(change: Record<string, string | undefined> = {}, kind: MessageKind = 'request') {
  const members = Object.entries({ ...GOOD, ...change }).filter(([, value]) => value !== undefined)
  const item = parseItem(`x${members.map(([name, value]) => `;${name}=${value}`).join('')}`)
  return readParameters(item?.params ?? NO_PARAMS, kind)
}

const step = (change: Record<string, string | undefined>, kind?: MessageKind) => refused(() => read(change, kind))

describe('proof parameters', () => {
  it('are read, and what is not known is ignored', () => {
    const expected = { created: 1, expires: 2, nonce: 'n', tag: WIMSE_TAG, audience: 'me', signResponse: false }
    expect(read({ 'x-other': '1.5' })).toEqual(expected)
    expect(read({ 'wimse-sign-response': '?1' }).signResponse).toBe(true)
    expect(read({ 'wimse-aud': undefined, 'wimse-req-nonce': '"r"' }, 'answer')).toMatchObject({ requestNonce: 'r' })
  })

  it('are written in one order', () => {
    expect(serializeParameters(requestParameters)).toBe(
      ';created=1800000000;expires=1800000060;nonce="a-nonce";tag="wimse-workload-to-workload"' +
        ';wimse-aud="spiffe://acme.internal/ledger";wimse-sign-response',
    )
    expect(serializeParameters(answerParameters)).toBe(
      ';created=1800000000;expires=1800000060;nonce="another-nonce";tag="wimse-workload-to-workload"' +
        ';wimse-req-nonce="a-nonce"',
    )
  })

  it('a proof with "keyid" or "alg" is refused: the token names key and algorithm', () => {
    expect(step({ keyid: '"k"' })).toEqual(['proof-incomplete', 'keyid'])
    expect(step({ alg: '"ed25519"' }, 'answer')).toEqual(['proof-incomplete', 'alg'])
  })

  it('a proof of a request that names no audience is refused', () => {
    expect(step({ 'wimse-aud': undefined })).toEqual(['proof-incomplete', 'wimse-aud'])
    expect(read({ 'wimse-aud': undefined }, 'answer').audience).toBeUndefined()
  })

  it('a proof whose "created" or "expires" is not an integer is refused', () => {
    for (const name of ['created', 'expires']) {
      for (const value of [undefined, '1.0', '"1"', '@1', '?1']) {
        expect(step({ [name]: value }), `${name}=${value}`).toEqual(['proof-incomplete', name])
      }
    }
  })

  it('a proof without a nonce of 1 to 128 characters is refused', () => {
    expect(read({ nonce: `"${'n'.repeat(128)}"` }).nonce).toHaveLength(128)
    for (const nonce of [undefined, '""', `"${'n'.repeat(129)}"`]) {
      expect(step({ nonce }), String(nonce)).toEqual(['proof-incomplete', 'nonce'])
    }
  })

  it('a proof whose nonce, audience or request nonce is not a string is refused', () => {
    for (const name of ['nonce', 'wimse-aud', 'wimse-req-nonce']) {
      for (const value of ['n', '1', ':aGk=:', '?1', '%"n"']) {
        expect(step({ [name]: value }), `${name}=${value}`).toEqual(['proof-incomplete', name])
      }
    }
  })

  it('a proof whose wish for a signed answer is not a boolean is refused', () => {
    for (const value of ['1', '"?1"', 'true']) {
      expect(step({ 'wimse-sign-response': value })).toEqual(['proof-incomplete', 'wimse-sign-response'])
    }
  })
})
