import { beforeAll, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { checkSpiffe, chooseAnchor, readIssuer, readSubject } from '../../src/token/vouch.ts'
import { readHeader } from '../../src/token/wit-header.ts'
import type { Trust } from '../../src/trust/trust.ts'
import { ORDERS, trustOf } from './fixtures.ts'

const refused = (code: string, detail: object) => expect.objectContaining({ code, detail })
const head = (more: object) => readHeader({ alg: 'ES256', typ: 'wit+jwt', ...more })

describe('readSubject', () => {
  it('gives the identifier, parsed', () => {
    expect(readSubject({ sub: ORDERS })).toMatchObject({ id: ORDERS, origin: 'spiffe://acme.test' })
  })

  it('a token whose "sub" is no workload identifier is refused', () => {
    const subjects = [
      undefined,
      null,
      1,
      '',
      'orders',
      [ORDERS],
      `${ORDERS}?x=1`,
      'spiffe://acme.test:443/orders',
      'spiffe://acme.test',
    ]
    for (const sub of subjects) {
      expect(() => readSubject({ sub }), String(sub)).toThrow(refused('token-invalid', { step: 'sub' }))
    }
  })
})

describe('checkSpiffe', () => {
  const id = readSubject({ sub: ORDERS })
  const wimse = readSubject({ sub: 'wimse://acme.test/orders' })

  it('a SPIFFE token without "kid" is refused', () => {
    expect(() => checkSpiffe(id, head({}), {})).toThrow(refused('token-invalid', { step: 'kid' }))
    expect(() => checkSpiffe(id, head({ kid: 'a' }), {})).not.toThrow()
    expect(() => checkSpiffe(wimse, head({}), {})).not.toThrow()
  })

  it('a SPIFFE token with "aud" is refused', () => {
    for (const aud of ['x', [], null]) {
      expect(() => checkSpiffe(id, head({ kid: 'a' }), { aud })).toThrow(refused('token-invalid', { step: 'aud' }))
    }
    expect(() => checkSpiffe(wimse, head({}), { aud: 'x' })).not.toThrow()
  })
})

describe('chooseAnchor', () => {
  let keys: Jwk[]
  let trust: Trust

  beforeAll(async () => {
    keys = await Promise.all(
      (['ES256', 'ES256', 'Ed25519', 'ES256'] as const).map(async (alg, i) =>
        publicJwk(await generateKey({ alg, kid: `key-${i}` })),
      ),
    )
    const [first, second, third, fourth] = keys
    trust = await trustOf({
      trust_domains: {
        'acme.test': { keys: [first, second] },
        'wimse://acme.test': { keys: [third] },
        'none.test': { keys: [] },
      },
      workloads: { 'spiffe://acme.test/pinned': { keys: [fourth] } },
    })
  })

  it('chooses by the origin of the subject, then by name', () => {
    const choose = (sub: string, header: object) => chooseAnchor(readSubject({ sub }), head(header), trust).keyId
    expect(choose(ORDERS, { kid: 'key-0' })).toBe('key-0')
    expect(choose(ORDERS, { kid: 'key-1' })).toBe('key-1')
    expect(choose('wimse://acme.test/orders', { alg: 'EdDSA', kid: 'key-2' })).toBe('key-2')
    expect(choose('wimse://acme.test/orders', { alg: 'Ed25519' })).toBe('key-2')
    expect(choose('spiffe://acme.test/pinned', { kid: 'key-3' })).toBe('key-3')
  })

  it('a token whose origin nobody is trusted for is refused', () => {
    const step = refused('token-untrusted', { step: 'origin' })
    for (const sub of ['spiffe://other.test/orders', 'spiffe://none.test/orders', 'wimse://none.test/orders']) {
      expect(() => chooseAnchor(readSubject({ sub }), head({ kid: 'key-0' }), trust)).toThrow(step)
    }
  })

  it('a token without "kid" is refused where more than one key is trusted', async () => {
    const [first, second] = keys
    const two = await trustOf({ trust_domains: { 'wimse://acme.test': { keys: [first, second] } } })
    const id = readSubject({ sub: 'wimse://acme.test/orders' })
    expect(() => chooseAnchor(id, head({}), two)).toThrow(refused('token-untrusted', { step: 'kid' }))
  })

  it('a token whose "kid" names no key trusted for its origin is refused', () => {
    const step = refused('token-untrusted', { step: 'kid' })
    const choose = (sub: string, kid: string) => () => chooseAnchor(readSubject({ sub }), head({ kid }), trust)
    for (const kid of ['key-2', 'key-3', '', 'KEY-0', 'key-0 ']) expect(choose(ORDERS, kid), kid).toThrow(step)
    expect(choose('spiffe://acme.test/pinned', 'key-0')).toThrow(step)
    expect(choose('wimse://acme.test/orders', 'key-0')).toThrow(step)
  })

  it('a token whose "alg" does not fit the trusted key is refused', () => {
    const choose = (alg: string, sub: string, kid: string) => () =>
      chooseAnchor(readSubject({ sub }), head({ alg, kid }), trust)
    expect(choose('EdDSA', ORDERS, 'key-0')).toThrow(refused('token-invalid', { step: 'alg', keyId: 'key-0' }))
    expect(choose('ES256', 'wimse://acme.test/a', 'key-2')).toThrow(
      refused('token-invalid', { step: 'alg', keyId: 'key-2' }),
    )
  })
})

describe('readIssuer', () => {
  it('gives the issuer where there is one', () => {
    expect(readIssuer({ iss: 'https://ids.test' }, undefined)).toBe('https://ids.test')
    expect(readIssuer({ iss: 'https://ids.test' }, ['https://ids.test'])).toBe('https://ids.test')
    expect(readIssuer({}, undefined)).toBeUndefined()
  })

  it('a token whose "iss" is not a string is refused', () => {
    for (const iss of [1, null, ['https://ids.test'], {}]) {
      expect(() => readIssuer({ iss }, undefined)).toThrow(refused('token-invalid', { step: 'iss' }))
    }
  })

  it('a token whose "iss" is not among the issuers listed for its trust domain is refused', () => {
    for (const claims of [{}, { iss: 'https://evil.test' }, { iss: 'https://ids.test/' }]) {
      expect(() => readIssuer(claims, ['https://ids.test'])).toThrow(refused('token-untrusted', { step: 'iss' }))
    }
    expect(() => readIssuer({ iss: 'https://ids.test' }, [])).toThrow(refused('token-untrusted', { step: 'iss' }))
  })
})
