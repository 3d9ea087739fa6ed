import { describe, expect, it } from 'vitest'
import { readHeader } from '../../src/token/wit-header.ts'

const refused = (step: string) => expect.objectContaining({ code: 'token-invalid', detail: { step } })

describe('readHeader', () => {
  it('gives the algorithm, its suite and the name of the key', () => {
    const header = readHeader({ alg: 'ES256', kid: 'June 5', typ: 'wit+jwt' })
    expect(header).toMatchObject({ alg: 'ES256', kid: 'June 5', suite: { name: 'ES256' } })
    for (const alg of ['EdDSA', 'Ed25519']) {
      expect(readHeader({ alg, typ: 'wit+jwt' })).toMatchObject({ alg, suite: { name: 'Ed25519' } })
    }
  })

  it('a token of another type than wit+jwt is refused', () => {
    for (const typ of ['wit+jwt', 'application/wit+jwt', 'WIT+JWT', 'Application/Wit+Jwt']) {
      expect(readHeader({ alg: 'ES256', typ })).toMatchObject({ alg: 'ES256' })
    }
    const others = [
      undefined,
      null,
      '',
      'JWT',
      'jwt',
      'wpt+jwt',
      'at+jwt',
      'wit',
      'text/wit+jwt',
      'wit+jwt;v=1',
      ' wit+jwt',
    ]
    for (const typ of [...others, 'application/application/wit+jwt', ['wit+jwt'], 'wit+jwt\n']) {
      expect(() => readHeader({ alg: 'ES256', typ }), String(typ)).toThrow(refused('typ'))
    }
  })

  it('a token signed with another algorithm than ES256 or Ed25519 is refused', () => {
    const others = [
      undefined,
      'none',
      'None',
      'noNE',
      '',
      'es256',
      'HS256',
      'RS256',
      'PS256',
      'ES384',
      'ES256K',
      'Ed448',
    ]
    for (const alg of [...others, 'EdDSA ', '__proto__', 'constructor', ['ES256'], 1, null]) {
      expect(() => readHeader({ alg, typ: 'wit+jwt' }), String(alg)).toThrow(refused('alg'))
    }
  })

  it('a token whose header has crit, jku, x5u, jwk, b64 or zip is refused', () => {
    for (const name of ['crit', 'jku', 'x5u', 'jwk', 'b64', 'zip']) {
      for (const value of [null, [], 'x', true]) {
        expect(() => readHeader({ alg: 'ES256', typ: 'wit+jwt', [name]: value }), name).toThrow(refused('header'))
      }
    }
    expect(readHeader({ alg: 'ES256', typ: 'wit+jwt', cty: 'x' })).toMatchObject({ alg: 'ES256' })
  })

  it('a token whose "kid" is not a string is refused', () => {
    for (const kid of [1, null, ['anchor-1'], {}]) {
      expect(() => readHeader({ alg: 'ES256', typ: 'wit+jwt', kid })).toThrow(refused('kid'))
    }
  })
})
