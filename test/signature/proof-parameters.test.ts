import { describe, expect, it } from 'vitest'
import type { MessageKind } from '../../src/signature/component.ts'
import {
  callNameOf,
  readCallName,
  readParameters,
  SESSION_TAG,
  serializeParameters,
  WIMSE_TAG,
} from '../../src/signature/proof-parameters.ts'
import { parseItem } from '../../src/signature/structured-fields/parse.ts'
import { NO_PARAMS } from '../../src/signature/structured-fields/value.ts'
import {
  answerParameters,
  requestParameters,
  SESSION_ID,
  sessionAnswerParameters,
  sessionRequestParameters,
} from './exchange.ts'
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

const SESSION = { tag: `"${SESSION_TAG}"`, keyid: `"${SESSION_ID}"`, nonce: '"1"' }

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

  it('a proof under a token with "keyid" is refused: the token names the key', () => {
    for (const keyid of ['"k"', `"${SESSION_ID}"`, 'k', '1', '?1']) {
      expect(step({ keyid })).toEqual(['proof-incomplete', 'keyid'])
      expect(step({ keyid }, 'answer')).toEqual(['proof-incomplete', 'keyid'])
    }
  })

  it('a proof with "alg" is refused: the token or the session names the algorithm', () => {
    for (const alg of ['"ed25519"', '"hmac-sha256"', 'a', '?0']) {
      expect(step({ alg })).toEqual(['proof-incomplete', 'alg'])
      expect(step({ alg }, 'answer')).toEqual(['proof-incomplete', 'alg'])
      expect(step({ ...SESSION, alg })).toEqual(['proof-incomplete', 'alg'])
      expect(step({ ...SESSION, alg }, 'answer')).toEqual(['proof-incomplete', 'alg'])
    }
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

describe('proof parameters under a session', () => {
  it('are read as its name and a counter, and nothing but its name in an answer', () => {
    expect(read(SESSION)).toMatchObject({ tag: SESSION_TAG, keyid: SESSION_ID, nonce: '1', audience: 'me' })
    const answer = { ...SESSION, 'wimse-aud': undefined, 'wimse-req-nonce': '"1"' }
    for (const nonce of [undefined, '"7"', '7', '"x"']) {
      expect(read({ ...answer, nonce }, 'answer')).toMatchObject({ keyid: SESSION_ID, nonce: '', requestNonce: '1' })
    }
    expect(read().keyid).toBeUndefined()
  })

  it('are written in one order', () => {
    expect(serializeParameters(sessionRequestParameters)).toBe(
      `;created=1800000000;expires=1800000060;nonce="7";keyid="${SESSION_ID}";tag="countersign-session"` +
        ';wimse-aud="spiffe://acme.internal/ledger";wimse-sign-response',
    )
    expect(serializeParameters(sessionAnswerParameters)).toBe(
      `;created=1800000000;expires=1800000060;keyid="${SESSION_ID}";tag="countersign-session";wimse-req-nonce="7"`,
    )
  })

  it('a proof of a session that does not name it by 128 bits in base64url is refused', () => {
    const bad = [`"${SESSION_ID.slice(1)}"`, `"${SESSION_ID}A"`, `"${SESSION_ID}=="`, `"${SESSION_ID.slice(1)}+"`]
    for (const keyid of [undefined, '""', '" "', SESSION_ID, '1', ':AAAAAAAAAAAAAAAAAAAAAA==:', ...bad]) {
      for (const kind of ['request', 'answer'] as const) {
        expect(step({ ...SESSION, keyid }, kind), String(keyid)).toEqual(['proof-incomplete', 'keyid'])
      }
    }
    expect(read({ ...SESSION, keyid: '"_-09azAZ_-09azAZ_-09aw"' }).keyid).toBe('_-09azAZ_-09azAZ_-09aw')
  })

  it('a proof of a session whose nonce is not a decimal counter from 1, below 2^53, is refused', () => {
    for (const counter of ['1', '10', '4294967296', '9007199254740991']) {
      expect(read({ ...SESSION, nonce: `"${counter}"` }).nonce).toBe(counter)
    }
    const bad = ['', '0', '01', '-1', '+1', '1.0', '1e3', ' 1', '1 ', '0x1', 'a', '9007199254740992', '9'.repeat(16)]
    for (const nonce of [undefined, '1', '?1', ...bad.map((text) => `"${text}"`), `"1${'0'.repeat(16)}"`]) {
      expect(step({ ...SESSION, nonce }), String(nonce)).toEqual(['proof-incomplete', 'nonce'])
    }
  })
})

describe('the name of a call', () => {
  it('is its nonce, under a session its id and the counter', () => {
    expect(callNameOf(requestParameters)).toBe('a-nonce')
    expect(callNameOf(sessionRequestParameters)).toBe(`${SESSION_ID}.7`)
  })

  it('is read back into both where it is made of them, and of nothing else', () => {
    expect(readCallName(`${SESSION_ID}.7`)).toEqual({ id: SESSION_ID, counter: 7 })
    expect(readCallName(`${SESSION_ID}.9007199254740991`)).toEqual({ id: SESSION_ID, counter: 2 ** 53 - 1 })
    for (const name of [
      '',
      '.1',
      SESSION_ID,
      `${SESSION_ID}.`,
      `${SESSION_ID}.0`,
      `${SESSION_ID}.01`,
      `${SESSION_ID}.-1`,
      `${SESSION_ID}.1.2`,
      `${SESSION_ID}.9007199254740992`,
      `${SESSION_ID}7`,
      `${SESSION_ID.slice(1)}.77`,
      `A${SESSION_ID}.7`,
      `${SESSION_ID.replace('A', '+')}.7`,
      `${SESSION_ID.replace('A', '.')}.7`,
    ]) {
      expect(readCallName(name), name).toBeUndefined()
    }
  })
})
