import { beforeAll, describe, expect, it } from 'vitest'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import type { Trust } from '../../src/trust/trust.ts'
import { clockAt, domain, failureOf, forge, NOW, ORDERS, trustOf } from './fixtures.ts'

const MARKER = 'marker-7f3a'
let acme: Awaited<ReturnType<typeof domain>>
let token: string

beforeAll(async () => {
  acme = await domain()
  token = await forge(acme.header, acme.claims, acme.anchor)
})

/** Counts how often a token was really examined: each time asks once whether the workload was revoked. */
function counting(trust: Trust) {
  const count = { examined: 0 }
  const isRevoked: Trust['isRevoked'] = (what) => {
    if (what.id !== undefined) count.examined++
    return trust.isRevoked(what)
  }
  return { count, trust: { ...trust, isRevoked } }
}

const verifierAt = (clock = clockAt(), maxEntries?: number) =>
  createTokenVerifier({ clock, toleranceSeconds: 30, ...(maxEntries === undefined ? {} : { maxEntries }) })

describe('createTokenVerifier', () => {
  it('answers at once where a token held before', async () => {
    const { count, trust } = counting(acme.trust)
    const tokens = verifierAt()
    const first = tokens.verify(token, trust)
    expect(first).toBeInstanceOf(Promise)
    const verified = await first
    expect(verified.id.id).toBe(ORDERS)
    expect(tokens.verify(`${token.slice(0, 9)}${token.slice(9)}`, trust)).toBe(verified)
    expect(count.examined).toBe(1)
  })

  it('verifies once for 64 who ask at the same time', async () => {
    const { count, trust } = counting(acme.trust)
    const tokens = verifierAt()
    const all = await Promise.all(Array.from({ length: 64 }, () => tokens.verify(token, trust)))
    expect(new Set(all).size).toBe(1)
    expect(count.examined).toBe(1)
  })

  it('refuses all 64 who ask at the same time, and forgets it', async () => {
    const forged = `${token.slice(0, -4)}AAAA`
    const tokens = verifierAt()
    const all = await Promise.allSettled(Array.from({ length: 64 }, async () => tokens.verify(forged, acme.trust)))
    for (const { status } of all) expect(status).toBe('rejected')
    await expect(tokens.verify(forged, acme.trust)).rejects.toMatchObject({ code: 'token-invalid' })
  })

  it('refuses every other spelling of a token it knows', async () => {
    const tokens = verifierAt()
    await tokens.verify(token, acme.trust)
    const [header = '', claims = '', signature = ''] = token.split('.')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // 64 bytes leave four bits of the last character unused.
    const last = alphabet.indexOf(signature.slice(-1))
    const stray = Array.from({ length: 15 }, (_, i) => `${token.slice(0, -1)}${alphabet.charAt(last + i + 1)}`)
    const spellings = [
      `${token}=`,
      `${token}==`,
      `${header}=.${claims}.${signature}`,
      `${header}.${claims}=.${signature}`,
      `${token} `,
      ` ${token}`,
      `${token}\n`,
      `${token}\t`,
      `${header}.${claims.slice(0, 8)} ${claims.slice(8)}.${signature}`,
      `${header}.${claims.slice(0, 8)}\n${claims.slice(8)}.${signature}`,
      `${token},${token}`,
      `${token}, ${token}`,
      ...stray,
    ]
    for (const spelling of spellings) {
      const error = await failureOf(() => tokens.verify(spelling, acme.trust))
      expect(error, spelling).toMatchObject({ code: 'token-malformed' })
    }
  })

  it('a token that held under another version of trust is verified anew', async () => {
    const tokens = verifierAt()
    await tokens.verify(token, acme.trust)
    const { count, trust } = counting(await trustOf(acme.bundle, 2))
    const again = tokens.verify(token, trust)
    expect(again).toBeInstanceOf(Promise)
    await again
    expect(count.examined).toBe(1)
    expect(tokens.verify(token, trust)).not.toBeInstanceOf(Promise)
    const other = await generateKey({ alg: 'ES256', kid: 'anchor-2' })
    const without = await trustOf({ trust_domains: { 'acme.test': { keys: [publicJwk(other)] } } }, 3)
    await expect(tokens.verify(token, without)).rejects.toMatchObject({ code: 'token-untrusted' })
    const revoking = await trustOf({ ...acme.bundle, revoked: { tokens: ['token-1'] } }, 4)
    await expect(tokens.verify(token, revoking)).rejects.toMatchObject({ code: 'token-revoked' })
  })

  it('does not lend what is being verified under one version of trust to another', async () => {
    const tokens = verifierAt()
    const untrusting = await trustOf({ ...acme.bundle, revoked: { workloads: [ORDERS] } }, 2)
    const old = tokens.verify(token, acme.trust)
    await expect(tokens.verify(token, untrusting)).rejects.toMatchObject({ code: 'token-revoked' })
    await expect(old).resolves.toMatchObject({ keyId: 'anchor-1' })
    await expect(tokens.verify(token, untrusting)).rejects.toMatchObject({ code: 'token-revoked' })
  })

  it('a remembered token is refused once its time is over', async () => {
    const clock = clockAt()
    const tokens = verifierAt(clock)
    await tokens.verify(token, acme.trust)
    clock.advance(3600 + 29)
    expect(tokens.verify(token, acme.trust)).toMatchObject({ keyId: 'anchor-1' })
    clock.advance(1)
    const expired = { code: 'token-expired', detail: { step: 'exp', clockDifferenceSeconds: 30, keyId: 'anchor-1' } }
    expect(await failureOf(() => tokens.verify(token, acme.trust))).toMatchObject(expired)
    expect(await failureOf(() => tokens.verify(token, acme.trust))).toMatchObject(expired)
  })

  it('remembers so many and lets go of the oldest', async () => {
    const tokens = verifierAt(clockAt(), 2)
    const three = await Promise.all(
      ['a', 'b', 'c'].map((jti) => forge(acme.header, { ...acme.claims, jti }, acme.anchor)),
    )
    for (const each of three) await tokens.verify(each, acme.trust)
    const isKnown = (each: string) => {
      const found = tokens.verify(each, acme.trust)
      return !(found instanceof Promise)
    }
    const [a = '', b = '', c = ''] = three
    expect([b, c].map(isKnown)).toEqual([true, true])
    expect(isKnown(a)).toBe(false)
  })

  it('does not let go of another token for one that is verified anew', async () => {
    const tokens = verifierAt(clockAt(), 2)
    const second = await forge(acme.header, { ...acme.claims, jti: 'second' }, acme.anchor)
    await tokens.verify(token, acme.trust)
    const next = await trustOf(acme.bundle, 2)
    await tokens.verify(second, next)
    await tokens.verify(token, next)
    expect(tokens.verify(second, next)).not.toBeInstanceOf(Promise)
  })

  it('shows nothing of a token or a key in its errors', async () => {
    const { anchor, header, claims } = acme
    const other = await generateKey({ alg: 'ES256' })
    const tokens = verifierAt()
    const cases = [
      `${MARKER}.${MARKER}.${MARKER}`,
      await forge({ ...header, typ: MARKER }, claims, anchor),
      await forge({ ...header, alg: MARKER }, claims, anchor),
      await forge({ ...header, kid: MARKER }, claims, anchor),
      await forge({ ...header, jku: MARKER }, claims, anchor),
      await forge(header, { ...claims, sub: MARKER }, anchor),
      await forge(header, { ...claims, sub: `spiffe://acme.test/${MARKER}` }, other),
      await forge(header, { ...claims, sub: `spiffe://${MARKER}/orders` }, anchor),
      await forge(header, { ...claims, iss: [MARKER] }, anchor),
      await forge(header, { ...claims, exp: MARKER }, anchor),
      await forge(header, { ...claims, exp: NOW - 100, jti: MARKER }, anchor),
      await forge(header, { ...claims, cnf: { jwk: { ...acme.cnf, d: MARKER } } }, anchor),
      await forge(header, { ...claims, cnf: { jwk: { ...acme.cnf, x: MARKER } } }, anchor),
      await forge(header, { ...claims, cnf: { jwk: { ...acme.cnf, alg: MARKER } } }, anchor),
      await forge(header, { ...claims, 'urn:countersign:seal': { kty: MARKER } }, anchor),
      await forge(header, `{"${MARKER}":1,"${MARKER}":2}`, anchor),
    ]
    for (const each of cases) {
      const error = (await failureOf(() => tokens.verify(each, acme.trust))) as Error & { detail: object }
      const shown = [error.message, error.stack, JSON.stringify(error), JSON.stringify(error.detail)].join()
      expect(shown).not.toContain(MARKER)
      expect(shown).not.toContain(each.split('.')[1])
      expect(error.cause).toBeUndefined()
      expect(error).toMatchObject({ kind: expect.stringMatching(/^(malformed|unauthenticated)$/) })
    }
  })
})
