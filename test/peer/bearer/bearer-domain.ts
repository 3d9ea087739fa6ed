import { randomUUID } from 'node:crypto'
import { bearerToken } from '../../../src/accept.ts'
import type { Jwk } from '../../../src/crypto/primitives.ts'
import type { GuardOptions } from '../../../src/flow/inbound/guard-options.ts'
import { generateKey, publicJwk } from '../../../src/keys/jwk.ts'
import type { BearerTokenOptions } from '../../../src/peer/bearer/bearer-token-options.ts'
import { workloadProof } from '../../../src/peer/workload-proof.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { hashOf } from '../../../src/token/token-hash.ts'
import type { WorkloadOptions } from '../../../src/workload/workload-options.ts'
import { forge, type Json } from '../../token/fixtures.ts'

export const ISSUER = 'https://login.test'
export const API = 'https://ledger.test'

export interface BearerDomainOptions {
  readonly issuers?: readonly Partial<BearerTokenOptions>[]
  readonly guard?: Partial<GuardOptions>
  readonly workload?: Partial<WorkloadOptions>
}

/** A service that takes access tokens, and an issuer whose key is at hand. */
export async function bearerDomain({ issuers = [{}], guard = {}, workload = {} }: BearerDomainOptions = {}) {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', { audiences: [API], ...workload })
  const key = await generateKey({ alg: 'ES256', kid: 'issuer-1' })
  const keys = { keys: [publicJwk(key)] }
  const accept = issuers.map((more) => bearerToken({ issuer: ISSUER, audience: API, keys, ...more }))
  const seen: Request[] = []
  domain.serve(
    ledger,
    API,
    (request) => {
      seen.push(request)
      return new Response('ok')
    },
    { accept: [workloadProof(), ...accept], policy: everybody, ...guard },
  )
  const now = () => Math.floor(domain.clock.now() / 1000)
  const claims = (more: Json = {}): Json => ({
    iss: ISSUER,
    aud: API,
    sub: 'user-1',
    client_id: 'web',
    jti: 'token-1',
    iat: now(),
    exp: now() + 600,
    ...more,
  })
  const mint = (body: Json = {}, head: Json = {}, by: Jwk = key) =>
    forge({ typ: 'at+jwt', alg: by.alg ?? 'ES256', kid: by.kid, ...head }, claims(body), by)
  const ask = (headers: Record<string, string> = {}, url = `${API}/entries`, init: RequestInit = {}) =>
    domain.deliver(new Request(url, { headers, ...init }))
  const send = (token: string, scheme = 'Bearer', more: Record<string, string> = {}) =>
    ask({ authorization: `${scheme} ${token}`, ...more })
  /** Status and the code that the trail has; the latter tells what a stranger is not told. */
  const outcome = async (answer: Promise<Response>) => {
    const { status } = await answer
    await ledger.audit.flush()
    const event = domain.sink.events.findLast(({ side }) => side === 'callee')
    return [status, event?.code, event?.step].filter((one) => one !== undefined).join(' ')
  }
  const lastCode = () => domain.sink.events.findLast(({ side }) => side === 'callee')?.code
  const close = () => ledger.close()
  return { domain, ledger, accept, key, keys, now, mint, ask, send, outcome, lastCode, seen, close }
}

const everybody = { decide: () => ({ effect: 'allow' }) as const }

/** The holder of a key that tokens are bound to. */
export async function holder(now: () => number) {
  const key = await generateKey({ alg: 'ES256', kid: 'holder' })
  const { kid: _, alg: __, ...jwk } = publicJwk(key)
  const { thumbprint } = await import('../../../src/keys/jwk.ts')
  const prove = async (token: string, body: Json = {}, head: Json = {}) =>
    forge(
      { typ: 'dpop+jwt', alg: 'ES256', jwk, ...head },
      {
        jti: randomUUID(),
        htm: 'GET',
        htu: `${API}/entries`,
        iat: now(),
        ath: await hashOf(token),
        ...body,
      },
      key,
    )
  return { jkt: await thumbprint(publicJwk(key)), prove }
}
