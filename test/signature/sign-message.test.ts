import { describe, expect, it } from 'vitest'
import type { RequestMessage } from '../../src/signature/message-input.ts'
import { type SignMessageOptions, signMessage } from '../../src/signature/sign-message.ts'
import { verifyMessage } from '../../src/signature/verify-message.ts'
import { freshKey, NOW } from './exchange.ts'

const key = Uint8Array.from({ length: 32 }, (_, i) => i)
const clock = { now: () => NOW * 1000 + 999 }
const request: RequestMessage = {
  method: 'POST',
  url: 'https://ledger.test/entries?a=1',
  headers: [
    ['Content-Type', 'application/json'],
    ['Example-Dict', 'a=1, b=(x   y)'],
    ['Accent', 'caf\u00e9'],
  ],
}

const sign = (options: Partial<SignMessageOptions>, message = request) =>
  signMessage(message, { components: ['@method'], key, clock, ...options })

describe('signing a message', () => {
  it('covers what is named, in that order, with the parameters that are given', async () => {
    const { 'signature-input': input, signature } = await sign({
      components: ['content-type', '@method', '@query', '"example-dict";sf', '"@query-param";name="a"'],
      fieldTypes: { 'example-dict': 'dictionary' },
      label: 'mine',
      expires: NOW + 60,
      nonce: 'n"n',
      alg: 'hmac-sha256',
      keyid: 'k',
      tag: 't',
    })
    expect(input).toBe(
      'mine=("content-type" "@method" "@query" "example-dict";sf "@query-param";name="a")' +
        `;created=${NOW};expires=${NOW + 60};nonce="n\\"n";alg="hmac-sha256";keyid="k";tag="t"`,
    )
    expect(signature).toMatch(/^mine=:[A-Za-z0-9+/]{43}=:$/)
    expect((await sign({ created: 5 }))['signature-input']).toBe('sig1=("@method");created=5')
  })

  it('is verified by who has the other half, each way', async () => {
    const response = { status: 200, headers: [['Date', 'today']] as const }
    for (const pair of [freshKey('ES256'), freshKey('Ed25519')]) {
      const components = ['@status', '"@method";req', '"content-type";req']
      const headers = await signMessage(response, { components, key: pair, request })
      const answer = { status: 200, headers: [...response.headers, ...Object.entries(headers)] }
      const proof = await verifyMessage(answer, { key: pair, requiredComponents: components, request })
      expect(proof.components).toEqual(['"@status"', '"@method";req', '"content-type";req'])
      const other = { ...request, method: 'PUT' }
      const verdict = verifyMessage(answer, { key: pair, requiredComponents: components, request: other })
      await expect(verdict).rejects.toMatchObject({ code: 'proof-invalid' })
    }
  })

  it("a signature that would say another algorithm than its key's is not made", async () => {
    await expect(sign({ alg: 'ed25519' })).rejects.toMatchObject({ code: 'option-invalid', detail: { option: 'alg' } })
  })

  it('a component that has no value in the message, or is none, is not signed', async () => {
    for (const name of [
      'not-there',
      'Content-Type',
      '@status',
      '@unheard-of',
      '"content-type";req',
      '"content-type";sf',
      'accent',
      '"x',
    ]) {
      const error = { code: 'option-invalid', detail: { option: 'components' } }
      await expect(sign({ components: [name] }), name).rejects.toMatchObject(error)
    }
    await expect(sign({ components: ['@method', '"@method"'] })).rejects.toMatchObject({ code: 'option-invalid' })
  })

  it('refuses parameters and labels that no field can carry', async () => {
    for (const options of [{ created: 1.5 }, { nonce: 'ü' }, { tag: 'a\nb' }, { label: 'Not One' }]) {
      await expect(sign(options)).rejects.toMatchObject({ code: 'option-invalid' })
    }
  })
})
