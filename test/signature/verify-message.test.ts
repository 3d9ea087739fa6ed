import { describe, expect, it } from 'vitest'
import type { RequestMessage } from '../../src/signature/message-input.ts'
import { type SignMessageOptions, signMessage } from '../../src/signature/sign-message.ts'
import { type VerifyMessageOptions, verifyMessage } from '../../src/signature/verify-message.ts'
import { freshKey, NOW, publicHalf } from './exchange.ts'

const secret = Uint8Array.from({ length: 32 }, (_, i) => i)
const at = (now: number) => ({ now: () => now * 1000 })
const message: RequestMessage = {
  method: 'POST',
  url: 'https://ledger.test/entries',
  headers: [
    ['Content-Type', 'application/json'],
    ['X-Tenant', 'acme'],
  ],
}

/** The message with one signature more. */
async function signed(options: Partial<SignMessageOptions> = {}, to = message): Promise<RequestMessage> {
  const all = { components: ['@method', '@target-uri', 'content-type'], key: secret, created: NOW, ...options }
  const headers = await signMessage(to, all)
  return { ...to, headers: [...to.headers, ...Object.entries(headers)] }
}

function raw(input: string): RequestMessage {
  const fields = [
    ['Signature-Input', `sig1=${input}`],
    ['Signature', 'sig1=:AAAA:'],
  ] as const
  return { ...message, headers: [...message.headers, ...fields] }
}

type Options = Partial<Exclude<VerifyMessageOptions, 'key' | 'keys'>>

const verify = (given: RequestMessage, options: Options = {}) =>
  verifyMessage(given, {
    key: secret,
    requiredComponents: ['@method'],
    clock: at(NOW),
    ...options,
  } as VerifyMessageOptions)

async function refusalOf(given: RequestMessage, options: Options = {}) {
  try {
    await verify(given, options)
    return 'holds'
  } catch (error) {
    const { code, detail } = error as { code: string; detail: { step: string } }
    return [code, detail.step]
  }
}

describe('verifying a message', () => {
  it('gives what was proven', async () => {
    const given = await signed({ expires: NOW + 60, nonce: 'n', tag: 't', keyid: 'k', alg: 'hmac-sha256' })
    expect(await verify(given, { tag: 't', label: 'sig1', maxAgeSeconds: 5 })).toEqual({
      label: 'sig1',
      algorithm: 'hmac-sha256',
      components: ['"@method"', '"@target-uri"', '"content-type"'],
      created: NOW,
      expires: NOW + 60,
      nonce: 'n',
      tag: 't',
      keyid: 'k',
    })
  })

  it('a message whose signature does not hold is refused', async () => {
    const given = await signed()
    expect(await refusalOf(given)).toBe('holds')
    expect(await refusalOf({ ...given, headers: [...given.headers, ['x-tenant', 'eu']] })).toBe('holds')
    const changes = [
      { method: 'PUT' },
      { url: 'https://ledger.test/entries?x' },
      { headers: [...given.headers, ['content-type', 'x']] as const },
    ]
    for (const change of changes)
      expect(await refusalOf({ ...given, ...change })).toEqual(['proof-invalid', 'signature'])
    expect(await refusalOf(given, { key: secret.map((byte) => byte + 1) })).toEqual(['proof-invalid', 'signature'])
  })

  it('a message without the signature that is asked for is refused', async () => {
    expect(await refusalOf(message)).toEqual(['proof-missing', 'signature'])
    const given = await signed({ tag: 't' })
    expect(await refusalOf(given, { tag: 'other' })).toEqual(['proof-missing', 'signature'])
    expect(await refusalOf(given, { tag: 't', label: 'sig2' })).toEqual(['proof-missing', 'signature'])
  })

  it('a message with several signatures that could be meant is refused', async () => {
    const given = await signed({ label: 'two', tag: 't' }, await signed({ label: 'one', tag: 't' }))
    expect(await refusalOf(given)).toEqual(['proof-ambiguous', 'signature'])
    expect(await refusalOf(given, { tag: 't' })).toEqual(['proof-ambiguous', 'signature'])
    expect(await refusalOf(given, { label: 'two' })).toBe('holds')
  })

  it('a signature that does not cover what is required is refused', async () => {
    const given = await signed()
    expect(await refusalOf(given, { requiredComponents: ['content-type', '"@method"'] })).toBe('holds')
    for (const name of ['x-tenant', '@path', '"content-type";bs']) {
      const [code] = await refusalOf(given, { requiredComponents: ['@method', name] })
      expect(code, name).toBe('field-not-covered')
    }
  })

  it('a signature parameter of the wrong type is refused', async () => {
    for (const [name, value] of [
      ['created', '1.0'],
      ['expires', '"1"'],
      ['nonce', '1'],
      ['keyid', 'k'],
      ['alg', ':AAAA:'],
    ] as const) {
      expect(await refusalOf(raw(`("@method");${name}=${value}`)), name).toEqual(['proof-incomplete', name])
    }
    expect(await refusalOf(raw('("@method");tag=t'))).toEqual(['proof-incomplete', 'tag'])
  })

  it('a signature that does not say when it was made is refused where its age is limited', async () => {
    expect(await refusalOf(raw('("@method")'), { maxAgeSeconds: 5 })).toEqual(['proof-incomplete', 'created'])
    expect(await refusalOf(raw('("@method")'))).toEqual(['proof-invalid', 'signature'])
  })

  it('a signature that was made in the future is refused', async () => {
    const given = await signed()
    expect(await refusalOf(given, { clock: at(NOW - 30) })).toBe('holds')
    expect(await refusalOf(given, { clock: at(NOW - 31) })).toEqual(['proof-expired', 'created'])
    expect(await refusalOf(given, { clock: at(NOW - 1), toleranceSeconds: 0 })).toEqual(['proof-expired', 'created'])
  })

  it('a signature that is older than its age is limited to is refused', async () => {
    const given = await signed()
    expect(await refusalOf(given, { clock: at(NOW + 35), maxAgeSeconds: 5 })).toBe('holds')
    expect(await refusalOf(given, { clock: at(NOW + 36), maxAgeSeconds: 5 })).toEqual(['proof-expired', 'age'])
    expect(await refusalOf(given, { clock: at(NOW + 1e6) })).toBe('holds')
  })

  it('a signature that has expired is refused', async () => {
    const given = await signed({ expires: NOW + 60 })
    expect(await refusalOf(given, { clock: at(NOW + 89) })).toBe('holds')
    expect(await refusalOf(given, { clock: at(NOW + 90) })).toEqual(['proof-expired', 'expires'])
  })

  it('a signature by a key that is not known is refused', async () => {
    const given = await signed({ keyid: 'k' })
    const keys = (keyid: string | undefined) => (keyid === 'k' ? secret : undefined)
    const options = { requiredComponents: ['@method'], clock: at(NOW) }
    expect(await verifyMessage(given, { ...options, keys })).toMatchObject({ keyid: 'k' })
    for (const keyid of ['K', undefined]) {
      const other = await signed(keyid === undefined ? {} : { keyid })
      await expect(verifyMessage(other, { ...options, keys })).rejects.toMatchObject({
        code: 'proof-invalid',
        detail: { step: 'key' },
      })
    }
  })

  it("a signature that says another algorithm than its key's is refused", async () => {
    const pair = freshKey('Ed25519')
    for (const alg of ['hmac-sha256', 'rsa-v1_5-sha256', 'none', '']) {
      expect(await refusalOf(raw(`("@method");alg="${alg}"`), { key: publicHalf(pair) })).toEqual([
        'proof-invalid',
        'alg',
      ])
    }
  })

  it('takes no secret for a public key, whoever knows it', async () => {
    const jwk = publicHalf(freshKey('ES256'))
    const known = new TextEncoder().encode(JSON.stringify(jwk))
    const forged = await signed({ key: known, alg: 'hmac-sha256' })
    expect(await refusalOf(forged, { key: jwk })).toEqual(['proof-invalid', 'alg'])
    expect(await refusalOf(await signed({ key: known }), { key: jwk })).toEqual(['proof-invalid', 'signature'])
  })

  it('refuses what is malformed before it looks for a key', async () => {
    const keys = () => expect.fail('a key was looked for')
    const options = { requiredComponents: ['@method'], keys, clock: at(NOW) }
    for (const input of ['("@method" "@method")', '("@method";x)', '"x"']) {
      await expect(verifyMessage(raw(input), options)).rejects.toMatchObject({ code: 'signature-malformed' })
    }
    await expect(verifyMessage(raw('("@path")'), options)).rejects.toMatchObject({ code: 'field-not-covered' })
  })
})
