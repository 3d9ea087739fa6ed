import { describe, expect, it } from 'vitest'
import { checkLifetime } from '../../src/token/lifetime.ts'

const NOW = 1_800_000_000
const DAY = 86_400
const at = { nowSeconds: NOW, toleranceSeconds: 30, keyId: 'anchor-1' }
const invalid = (step: string) =>
  expect.objectContaining({ code: 'token-invalid', detail: { step, keyId: 'anchor-1' } })

describe('checkLifetime', () => {
  it('gives when a token ends and when it begins', () => {
    expect(checkLifetime({ exp: NOW + 60, iat: NOW - 60 }, at)).toEqual({ exp: NOW + 60, begin: NOW - 60 })
    expect(checkLifetime({ exp: NOW + 60, iat: NOW - 60, nbf: NOW - 30 }, at)).toEqual({
      exp: NOW + 60,
      begin: NOW - 30,
    })
    expect(checkLifetime({ exp: NOW + 60.5 }, at)).toEqual({ exp: NOW + 60.5, begin: undefined })
  })

  it('a token whose "exp", "nbf" or "iat" is not a number is refused', () => {
    for (const name of ['exp', 'nbf', 'iat']) {
      for (const value of [String(NOW), null, [NOW], true, Number.POSITIVE_INFINITY, Number.NaN]) {
        expect(() => checkLifetime({ exp: NOW + 60, [name]: value }, at), `${name} ${value}`).toThrow(invalid(name))
      }
    }
  })

  it('a token without "exp" is refused', () => {
    expect(() => checkLifetime({ iat: NOW }, at)).toThrow(invalid('exp'))
  })

  it('a token past its "exp" and the tolerance is refused', () => {
    expect(checkLifetime({ exp: NOW - 29 }, at)).toMatchObject({ exp: NOW - 29 })
    for (const exp of [NOW - 30, NOW - 31, 0, -1]) {
      const detail = { step: 'exp', clockDifferenceSeconds: NOW - exp, keyId: 'anchor-1' }
      expect(() => checkLifetime({ exp }, at)).toThrow(expect.objectContaining({ code: 'token-expired', detail }))
    }
  })

  it('a token before its "nbf", less the tolerance, is refused', () => {
    expect(checkLifetime({ exp: NOW + 60, nbf: NOW + 30 }, at)).toMatchObject({ begin: NOW + 30 })
    const detail = { step: 'nbf', clockDifferenceSeconds: -31, keyId: 'anchor-1' }
    const refused = expect.objectContaining({ code: 'token-expired', detail })
    expect(() => checkLifetime({ exp: NOW + 60, nbf: NOW + 31 }, at)).toThrow(refused)
  })

  it('never holds "iat" against a token', () => {
    expect(checkLifetime({ exp: NOW + 3600, iat: NOW + 1800 }, at)).toMatchObject({ exp: NOW + 3600 })
  })

  it('a token that lives longer than a day, or than its kind may, is refused', () => {
    expect(checkLifetime({ exp: NOW + 60, iat: NOW + 60 - DAY }, at)).toMatchObject({ exp: NOW + 60 })
    expect(() => checkLifetime({ exp: NOW + 60, iat: NOW + 59 - DAY }, at)).toThrow(invalid('lifetime'))
    expect(() => checkLifetime({ exp: NOW + 60, nbf: NOW + 59 - DAY, iat: NOW }, at)).toThrow(invalid('lifetime'))
  })

  it('a token that ends more than a day from now, or than its kind may live, is refused', () => {
    expect(checkLifetime({ exp: NOW + DAY + 30 }, at)).toMatchObject({ exp: NOW + DAY + 30 })
    expect(() => checkLifetime({ exp: NOW + DAY + 31 }, at)).toThrow(invalid('lifetime'))
    expect(() => checkLifetime({ exp: NOW + DAY + 31, iat: NOW + DAY }, at)).toThrow(invalid('lifetime'))
  })
})
