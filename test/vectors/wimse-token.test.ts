import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { gateToken } from '../../src/token/gate.ts'
import { checkLifetime } from '../../src/token/lifetime.ts'
import { readProofKey } from '../../src/token/named-keys.ts'
import { mintProofToken, readProofToken, verifyProofToken } from '../../src/token/proof-token.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import { readSubject } from '../../src/token/vouch.ts'
import { readHeader } from '../../src/token/wit-header.ts'
import { parseBundle } from '../../src/trust/bundle.ts'
import { compileTrust } from '../../src/trust/trust.ts'
import { vectorFile, vectorIt } from './load.ts'

interface Decoded {
  readonly header: Record<string, unknown>
  readonly claims: Record<string, unknown>
}
interface Vectors {
  readonly sections: {
    readonly wit_wpt_draft_example: {
      readonly issuer_jwk: Jwk
      readonly workload_private_jwk: Jwk
      readonly wit: string
      readonly wit_decoded: Decoded
      readonly wpt: string
      readonly wpt_decoded: Decoded
      readonly access_token: string
      readonly valid_at_unix: number
    }
    readonly http_signature_draft_example: Record<'request' | 'response', { raw: string; wit_decoded: Decoded }> & {
      readonly valid_at_unix: number
      readonly caller_private_jwk: Jwk
      readonly callee_private_jwk: Jwk
    }
    readonly spiffe_wit_svid_example: { readonly wit_svid: string; readonly decoded: Decoded }
    readonly derived_full_coverage: {
      readonly now: number
      readonly issuer_private_jwk: Jwk
      readonly caller_private_jwk: Jwk
      readonly callee_private_jwk: Jwk
      readonly wit_caller: string
      readonly wit_callee: string
      readonly wpt: { readonly token: string; readonly decoded: Decoded }
      readonly request: { readonly headers: Readonly<Record<string, string>> }
    }
    readonly derived_negative: { readonly cases: readonly { name: string; token?: string; expect: string }[] }
  }
}

const sections = (vectorFile('wimse-vectors.json') as Vectors | undefined)?.sections
const negatives = sections?.derived_negative.cases ?? []

function given(): Vectors['sections'] {
  if (sections === undefined) throw new Error('COUNTERSIGN_VECTORS is not set')
  return sections
}

const carrierOf = (headers: Readonly<Record<string, string>>) => (name: string) =>
  headers[name] === undefined ? [] : [headers[name]]

const judgedAt = (nowSeconds: number, headers: Readonly<Record<string, string>>) => ({
  carrier: carrierOf(headers),
  nowSeconds,
  toleranceSeconds: 30,
  maxLifetimeSeconds: 300,
})

async function verifyAt(seconds: number, token: string, anchor: Jwk) {
  const trust_domains = { 'wimse://example.com': { keys: [publicJwk(anchor)] } }
  const trust = await compileTrust(parseBundle({ trust_domains }), 1)
  const tokens = createTokenVerifier({ clock: createFakeClock(seconds * 1000), toleranceSeconds: 30 })
  return tokens.verify(token, trust)
}

/** What each case falls by. */
const REFUSALS: Readonly<Record<string, { readonly code: string; readonly step: string }>> = {
  'wit-typ-jwt': { code: 'token-invalid', step: 'typ' },
  'wit-other-trust-domain': { code: 'token-untrusted', step: 'origin' },
  'wit-no-cnf-alg': { code: 'token-invalid', step: 'cnf' },
  'wit-private-key-in-cnf': { code: 'token-invalid', step: 'cnf' },
  'wit-sub-with-query': { code: 'token-invalid', step: 'sub' },
  'wit-sub-with-port': { code: 'token-invalid', step: 'sub' },
}

describe('workload identity tokens of wimse-vectors.json', () => {
  vectorIt('accepts the example of the drafts', async () => {
    const example = given().wit_wpt_draft_example
    const verified = await verifyAt(example.valid_at_unix, example.wit, example.issuer_jwk)
    expect(verified).toMatchObject({
      id: { id: 'wimse://example.com/specific-workload' },
      keyId: 'June 5',
      tokenId: 'x-_1CTL2cca3CSE4cwb_l',
      expiresAt: 1_745_512_510_000,
      suite: { name: 'Ed25519' },
      proofKeyId: await thumbprint(example.workload_private_jwk),
      claims: example.wit_decoded.claims,
    })
  })

  vectorIt('refuses the example of the drafts out of its time and under another key', async () => {
    const { wit, issuer_jwk, valid_at_unix } = given().wit_wpt_draft_example
    await expect(verifyAt(1_745_512_540, wit, issuer_jwk)).rejects.toMatchObject({ code: 'token-expired' })
    const other = { ...given().derived_full_coverage.issuer_private_jwk, kid: 'June 5' }
    await expect(verifyAt(valid_at_unix, wit, other)).rejects.toMatchObject({ code: 'token-invalid' })
  })

  vectorIt('accepts both tokens of the full exchange', async () => {
    const { now, issuer_private_jwk, ...full } = given().derived_full_coverage
    expect(await verifyAt(now, full.wit_caller, issuer_private_jwk)).toMatchObject({
      id: { id: 'wimse://example.com/orders' },
      issuer: 'https://ids.example.com',
      keyId: 'issuer-1',
      proofKeyId: await thumbprint(full.caller_private_jwk),
    })
    expect(await verifyAt(now, full.wit_callee, issuer_private_jwk)).toMatchObject({
      id: { id: 'wimse://example.com/payments' },
      proofKeyId: await thumbprint(full.callee_private_jwk),
    })
  })

  vectorIt('reads the tokens whose issuer is not published, and trusts neither', async () => {
    const { spiffe_wit_svid_example: spiffe, http_signature_draft_example: http } = given()
    const tokenIn = (raw: string) => /^Workload-Identity-Token: (.+)$/m.exec(raw)?.[1] ?? ''
    const examples = [
      { token: spiffe.wit_svid, decoded: spiffe.decoded, at: 1_765_452_903 },
      { token: tokenIn(http.request.raw), decoded: http.request.wit_decoded, at: http.valid_at_unix },
      { token: tokenIn(http.response.raw), decoded: http.response.wit_decoded, at: http.valid_at_unix },
    ]
    for (const { token, decoded, at } of examples) {
      const { header, claims } = gateToken(token)
      expect({ header, claims }).toEqual({ header: decoded.header, claims: decoded.claims })
      expect(readHeader(header)).toMatchObject({ kid: decoded.header.kid })
      expect(readSubject(claims)).toMatchObject({ id: decoded.claims.sub })
      expect(checkLifetime(claims, { nowSeconds: at, toleranceSeconds: 0 })).toMatchObject({ exp: decoded.claims.exp })
      await expect(readProofKey(claims)).resolves.toMatchObject({ keyId: expect.any(String) })
      const { issuer_private_jwk } = given().derived_full_coverage
      await expect(verifyAt(at, token, issuer_private_jwk)).rejects.toMatchObject({ code: 'token-untrusted' })
    }
  })

  for (const { name, token = '', expect: why } of negatives.filter((each) => each.name.startsWith('wit-'))) {
    it(`${name}: ${why}`, async () => {
      const { now, issuer_private_jwk } = given().derived_full_coverage
      const { code, step } = REFUSALS[name] ?? {}
      await expect(verifyAt(now, token, issuer_private_jwk)).rejects.toMatchObject({ code, detail: { step } })
    })
  }

  vectorIt('leaves out no negative case', () => {
    const names = negatives.map(({ name }) => name).filter((name) => name.startsWith('wit-'))
    expect(names).toEqual(Object.keys(REFUSALS))
  })

  vectorIt('wpt: the example of the drafts', async () => {
    const { wit, issuer_jwk, wpt, wpt_decoded, access_token, valid_at_unix, workload_private_jwk } =
      given().wit_wpt_draft_example
    const proof = readProofToken(wpt)
    expect(proof).toMatchObject({ audience: wpt_decoded.claims.aud, expires: wpt_decoded.claims.exp })
    const headers = { authorization: `Bearer ${access_token}` }
    const token = await verifyAt(valid_at_unix, wit, issuer_jwk)
    await verifyProofToken(proof, { token, ...judgedAt(valid_at_unix, headers) })
    // Ed25519 signs the same bytes the same way: what is minted from the same values is the same token, but for its order.
    const suite = suiteOfKey({ ...workload_private_jwk, alg: 'EdDSA' })
    const minted = await mintProofToken({
      token: wit,
      signingKey: await primitives.signingKey(suite, workload_private_jwk),
      audience: String(wpt_decoded.claims.aud),
      expires: Number(wpt_decoded.claims.exp),
      id: String(wpt_decoded.claims.jti),
      carrier: carrierOf(headers),
    })
    expect(gateToken(minted)).toEqual(gateToken(wpt))
  })

  vectorIt('wpt: the token of the full exchange', async () => {
    const { now, wpt, wit_caller, issuer_private_jwk, request } = given().derived_full_coverage
    const token = await verifyAt(now, wit_caller, issuer_private_jwk)
    const proof = readProofToken(wpt.token)
    expect(proof).toMatchObject({ id: 'wpt-0001', covered: new Set(['authorization', 'txn-token']) })
    await expect(verifyProofToken(proof, { token, ...judgedAt(now, request.headers) })).resolves.toBeUndefined()
  })

  const FALLS: Readonly<Record<string, string>> = {
    'wpt-unknown-oth-entry': 'oth',
    'wpt-missing-ath-with-access-token': 'ath',
    'wpt-alg-mismatch': 'alg',
  }
  for (const { name, token = '', expect: why } of negatives.filter((each) => each.name.startsWith('wpt-'))) {
    it(`${name}: ${why}`, async () => {
      const { now, wit_caller, issuer_private_jwk, request } = given().derived_full_coverage
      const judged = { token: await verifyAt(now, wit_caller, issuer_private_jwk), ...judgedAt(now, request.headers) }
      const refused = verifyProofToken(readProofToken(token), judged)
      await expect(refused).rejects.toMatchObject({ code: 'proof-invalid', detail: { step: FALLS[name] } })
    })
  }

  vectorIt('leaves out no case of a proof token', () => {
    const names = negatives.map(({ name }) => name).filter((name) => name.startsWith('wpt-'))
    expect(names).toEqual(Object.keys(FALLS))
  })
})
