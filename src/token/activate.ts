import { primitives } from '#crypto'
import { type Clock, nowSeconds } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import type { Jwk, SigningKey } from '../crypto/primitives.ts'
import { type SignatureSuite, suiteOfKey } from '../crypto/suites.ts'
import type { Credentials } from '../keys/credentials.ts'
import { generateKey, thumbprint } from '../keys/jwk.ts'
import { gateToken } from './gate.ts'
import { checkLifetime } from './lifetime.ts'
import { mintWit } from './mint-wit.ts'
import { readProofKey, readSealKey } from './named-keys.ts'
import { type SealKey, sealKeysOf } from './seal-keys.ts'
import { checkSpiffe, readSubject } from './vouch.ts'
import { readHeader } from './wit-header.ts'

/** What a workload proves itself with: a token and the key it names. It does not change; the next one is another. */
export interface ActiveCredential {
  readonly token: string
  readonly tokenId?: string
  /** The `kid` of the key that vouches; where the token names none, the thumbprint of the proof key. */
  readonly keyId: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly signingKey: SigningKey
  readonly suite: SignatureSuite
  /** The thumbprint of the key to seal to that the token names. */
  readonly sealKeyId?: string
}

/** Credentials made ready for use. */
export interface Activation {
  readonly credentials: Credentials
  readonly credential: ActiveCredential
  /** Epoch milliseconds: two thirds of the token's life are over. */
  readonly renewAt: number
  readonly sealKeys: readonly SealKey[]
}

/** For whom credentials are activated, and when. */
export interface ActivationContext {
  readonly id: string
  readonly clock: Clock
  /** How long minted tokens live. */
  readonly lifetimeSeconds: number
}

interface Parts {
  readonly credentials: Credentials
  readonly sealKeys: readonly SealKey[]
}

const CLOCK_TOLERANCE_SECONDS = 30

function invalid(option: string, fix: string): CountersignError {
  return new CountersignError('credentials-invalid', { detail: { option, fix } })
}

/** Makes credentials ready: mints a token where the workload vouches for itself, else checks the one it was given. */
export async function activate(credentials: Credentials, context: ActivationContext): Promise<Activation> {
  const sealKeys = await sealKeysOf(credentials.keys)
  const parts = { credentials, sealKeys }
  return credentials.token === undefined
    ? activateMinted(parts, context)
    : activateIssued(parts, credentials.token, context)
}

function signingJwk({ keys }: Credentials): Jwk {
  const jwk = keys.find(({ use }) => use !== 'enc')
  if (jwk === undefined) throw invalid('keys', 'give a P-256 or Ed25519 key without "use": "enc"')
  return jwk
}

async function importSigningKey(jwk: Jwk): Promise<SigningKey> {
  try {
    return await primitives.signingKey(suiteOfKey(jwk), jwk)
  } catch {
    // Condition: credentials with a signing key whose halves do not belong together are refused.
    throw invalid('keys', 'the signing key is not valid: give a private key as it was generated')
  }
}

function twoThirds(beginMs: number, endMs: number): number {
  return beginMs + Math.floor(((endMs - beginMs) * 2) / 3)
}

async function activateMinted(parts: Parts, context: ActivationContext): Promise<Activation> {
  const { id, clock, lifetimeSeconds } = context
  const key = signingJwk(parts.credentials)
  await importSigningKey(key)
  const suite = suiteOfKey(key)
  const proofKey = await generateKey({ alg: suite.name })
  const [seal] = parts.sealKeys
  const named = seal === undefined ? {} : { sealKey: seal.jwk }
  const minted = await mintWit({ id, key, proofKey, ...named, lifetimeSeconds, clock })
  const credential = Object.freeze({
    ...minted,
    keyId: key.kid ?? '',
    signingKey: await primitives.signingKey(suite, proofKey),
    suite,
    ...(seal === undefined ? {} : { sealKeyId: seal.kid }),
  })
  const renewAt = twoThirds(minted.expiresAt - lifetimeSeconds * 1000, minted.expiresAt)
  return Object.freeze({ ...parts, credential, renewAt })
}

async function activateIssued(parts: Parts, token: string, context: ActivationContext): Promise<Activation> {
  const { id, clock } = context
  const key = signingJwk(parts.credentials)
  const said = await readIssued(token, clock)
  // Condition: an issued token that names another workload is refused.
  if (said.id !== id) throw invalid('token', `it names another workload than ${id}`)
  // Condition: an issued token that names another key than the one it came with is refused.
  if (said.proofKeyId !== (await thumbprint(key))) throw invalid('token', 'it names another key than the one given')
  const { sealKeyId } = said
  // Condition: an issued token that names a seal key that was not given is refused.
  if (sealKeyId !== undefined && !parts.sealKeys.some(({ kid }) => kid === sealKeyId)) {
    throw invalid('token', 'it names a seal key that is not among the keys given')
  }
  const credential = Object.freeze({
    token,
    ...(said.tokenId === undefined ? {} : { tokenId: said.tokenId }),
    keyId: said.keyId,
    expiresAt: said.expiresAt,
    signingKey: await importSigningKey(key),
    suite: said.suite,
    ...(sealKeyId === undefined ? {} : { sealKeyId }),
  })
  return Object.freeze({ ...parts, credential, renewAt: twoThirds(said.beginsAt, said.expiresAt) })
}

/** What an issued token says. Its signature is not checked: that is for those who are to believe it. */
async function readIssued(token: string, clock: Clock) {
  try {
    const { header, claims } = gateToken(token)
    const head = readHeader(header)
    const subject = readSubject(claims)
    checkSpiffe(subject, head, claims)
    const now = nowSeconds(clock)
    const { exp, begin } = checkLifetime(claims, { nowSeconds: now, toleranceSeconds: CLOCK_TOLERANCE_SECONDS })
    const proof = await readProofKey(claims)
    const sealKeyId = (await readSealKey(claims))?.kid
    const tokenId = typeof claims.jti === 'string' ? claims.jti : undefined
    const times = { beginsAt: (begin ?? now) * 1000, expiresAt: exp * 1000 }
    const names = { id: subject.id, keyId: head.kid ?? proof.keyId, proofKeyId: proof.keyId, sealKeyId, tokenId }
    return { ...names, ...times, suite: proof.suite }
  } catch (error) {
    const step = isCountersignError(error) ? error.detail.step : undefined
    // Condition: an issued token that no peer would accept is refused.
    throw invalid('token', `it would be refused by every peer (${step ?? 'unreadable'})`)
  }
}
