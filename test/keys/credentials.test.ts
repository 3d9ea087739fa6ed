import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { type Credentials, credentialFile, issued, parseCredentials, selfIssued } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { refusal, refusalOf } from '../core/refusal.ts'

const p256 = await generateKey({ alg: 'ES256' })
const ed25519 = await generateKey({ alg: 'Ed25519' })
const sealKey = await generateKey({ alg: 'X25519' })
const symmetric = await generateKey({ alg: 'A256KW' })

/** Refused with the right code at the right place, and with nothing of the contents in any text. */
function refused(json: unknown, place: RegExp): void {
  const error = refusal(() => parseCredentials(json))
  expect(error.code).toBe('credentials-invalid')
  expect(error.detail.option).toMatch(place)
  const shown = `${error.message} ${JSON.stringify(error.detail)} ${String(error.cause)}`
  for (const key of [p256, ed25519, sealKey]) expect(shown).not.toContain(key.d)
  for (const secret of [symmetric.k, 'MARKER']) expect(shown).not.toContain(secret)
}

const without = (jwk: Jwk, member: string): Jwk =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => name !== member)) as Jwk

describe('parseCredentials', () => {
  it('gives a frozen copy of what is right', () => {
    const json = { keys: [{ ...sealKey }, { ...p256, note: 'x' }], token: 't' }
    const credentials = parseCredentials(json)
    expect(credentials).toEqual(json)
    json.keys.pop()
    expect(credentials.keys).toHaveLength(2)
    expect([credentials, credentials.keys, ...credentials.keys].every(Object.isFrozen)).toBe(true)
    expect('token' in parseCredentials({ keys: [ed25519] })).toBe(false)
  })

  it('refuses what is no document of keys', () => {
    for (const json of [undefined, null, 'MARKER', [], { keys: 'MARKER' }]) refused(json, /^(document|keys)$/)
    refused({ keys: [] }, /^keys$/)
    refused({ keys: [p256], token: '' }, /^token$/)
    refused({ keys: [p256], MARKED: 1 }, /^document$/)
  })

  it('refuses keys that are not private or not whole', () => {
    refused({ keys: [p256, publicJwk(ed25519)] }, /^keys\.1\.d$/)
    refused({ keys: [without(p256, 'y')] }, /^keys\.0\.y$/)
    refused({ keys: [{ ...p256, d: `${p256.d}=` }] }, /^keys\.0\.d$/)
    refused({ keys: [{ ...p256, x: 'MARKER' }] }, /^keys\.0\.x$/)
    refused({ keys: [{ ...p256, crv: 'P-384' }] }, /^keys\.0\.crv$/)
    refused({ keys: [{ ...p256, kid: '' }] }, /^keys\.0\.kid$/)
    refused({ keys: [symmetric] }, /^keys\.0\.kty$/)
    refused({ keys: ['MARKER'] }, /^keys\.0$/)
  })

  it('credentials with a seal key that cannot agree on a secret are refused', () => {
    refused({ keys: [p256, { ...ed25519, use: 'enc' }] }, /^keys\.1$/)
    refused({ keys: [ed25519, { ...p256, use: 'enc' }] }, /^keys\.1$/)
    expect(parseCredentials({ keys: [ed25519, { ...without(p256, 'alg'), use: 'enc' }] }).keys).toHaveLength(2)
  })

  it('credentials with a key that can neither sign nor open are refused', () => {
    refused({ keys: [p256, without(sealKey, 'use')] }, /^keys\.1$/)
    refused({ keys: [{ ...p256, alg: 'EdDSA' }] }, /^keys\.0$/)
  })

  it('credentials that hold one key twice are refused', () => {
    refused({ keys: [p256, { ...p256, kid: 'other' }] }, /^keys\.1$/)
    refused({ keys: [p256, { ...without(p256, 'alg'), kid: 'other', use: 'enc' }] }, /^keys\.1$/)
  })

  it('credentials with one "kid" for two keys are refused', () => {
    refused({ keys: [p256, { ...ed25519, kid: p256.kid }] }, /^keys\.1\.kid$/)
    const unnamed = [without(p256, 'kid'), without(ed25519, 'kid')]
    expect(parseCredentials({ keys: unnamed, token: 't' }).keys).toHaveLength(2)
  })

  it('credentials without a key that signs are refused', () => {
    refused({ keys: [sealKey] }, /^keys$/)
  })

  it('self-issued credentials whose signing key has no "kid" are refused', () => {
    refused({ keys: [without(p256, 'kid')] }, /^keys$/)
    expect(parseCredentials({ keys: [without(p256, 'kid')], token: 't' }).token).toBe('t')
  })
})

describe('selfIssued and issued', () => {
  it('give one key or a set', async () => {
    expect(await selfIssued(p256).load()).toEqual({ keys: [p256] })
    expect(await selfIssued({ keys: [p256, sealKey] }).load()).toEqual({ keys: [p256, sealKey] })
    expect(await issued({ key: p256, token: 't' }).load()).toEqual({ keys: [p256], token: 't' })
    expect(await issued({ key: { keys: [p256, sealKey] }, token: 't' }).load()).toMatchObject({ token: 't' })
  })

  it('check at once', () => {
    for (const attempt of [() => selfIssued(publicJwk(p256)), () => selfIssued(undefined as unknown as Jwk)]) {
      expect(refusal(attempt).code).toBe('credentials-invalid')
    }
  })

  it('issued credentials without a token are refused', () => {
    expect(refusal(() => issued({ key: p256, token: undefined as unknown as string })).code).toBe('credentials-invalid')
    expect(refusal(() => issued({ key: p256, token: '' })).code).toBe('credentials-invalid')
  })
})

describe('credentialFile', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  })

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  it('reads the file each time, and watches it', async () => {
    const path = join(folder, 'orders.json')
    const source = credentialFile(path)
    const write = (credentials: Credentials) => writeFile(path, JSON.stringify(credentials))
    await write({ keys: [p256] })
    expect(await source.load()).toEqual({ keys: [p256] })
    const changed = new Promise<void>((resolve) => {
      const watch = source.watch?.(() => {
        watch?.close()
        resolve()
      })
    })
    await write({ keys: [ed25519], token: 't' })
    await changed
    expect(await source.load()).toEqual({ keys: [ed25519], token: 't' })
  })

  it('names the file and the fix, and quotes nothing', async () => {
    const path = join(folder, 'orders.json')
    await writeFile(path, JSON.stringify({ keys: [publicJwk(p256)] }))
    const error = await refusalOf(() => credentialFile(path).load())
    expect(error.code).toBe('credentials-invalid')
    expect(error.message).toContain(`${path} keys.0.d: give the private key`)
    await writeFile(path, '{"keys": [ MARKER')
    const broken = await refusalOf(() => credentialFile(path).load())
    expect(broken.detail).toEqual({ option: path, fix: 'write valid JSON' })
    expect(broken.cause).toBeUndefined()
    expect(broken.code).toBe('credentials-invalid')
  })
})
