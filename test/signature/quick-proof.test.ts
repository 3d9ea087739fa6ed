import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import type { MessageKind } from '../../src/signature/component.ts'
import { type Proof, readProof } from '../../src/signature/proof.ts'
import { readQuickly, rememberShape } from '../../src/signature/quick-proof.ts'
import { macAnswer, macRequest, SESSION_ID, sessionRequest, sessionResponse, signedRequest } from './exchange.ts'

const sent = await macRequest()
const withCookies = await macAnswer(sent)
const plain = { ...sessionResponse, fields: sessionResponse.fields.filter((name) => name !== 'set-cookie') }
const answered = await macAnswer(sent, plain)
const slowly = (fields: Fields, kind: MessageKind) => readProof(fields, kind) as Proof

/** Everything a reader tells of a proof. */
function told({ label, components, parameters, signature, signatureText, member, ...rest }: Proof) {
  const identities = components.map(({ identity }) => identity)
  return { label, identities, parameters: { ...parameters }, signature: [...signature], signatureText, member, rest }
}

/** The same for fields that may not be readable at all. */
function toldSlowly(fields: Fields, kind: MessageKind) {
  try {
    const { rest: _, ...all } = told(slowly(fields, kind))
    return all
  } catch {
    return 'refused'
  }
}

function toldQuickly(fields: Fields, kind: MessageKind) {
  const proof = readQuickly(fields, kind)
  if (proof === undefined) return undefined
  const { rest: _, ...all } = told(proof)
  return all
}

/** One change of a text: a character put in, taken out or put in the place of another. */
const changes = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  by: fc.oneof(fc.constantFrom(...'"();=:,. \t\\Aa019?*%-_+/'), fc.string({ maxLength: 2 })),
  length: fc.integer({ min: 0, max: 2 }),
})

function changed(text: string, list: readonly { at: number; by: string; length: number }[]): string {
  return list.reduce((before, { at, by, length }) => {
    const start = Math.floor(at * before.length)
    return before.slice(0, start) + by + before.slice(start + length)
  }, text)
}

describe('the reader of usual proofs', () => {
  it('reads what was remembered, from then on, and gives what the other reader gives', () => {
    for (const [fields, kind] of [
      [sent.request.fields, 'request'],
      [answered.response.fields, 'answer'],
    ] as const) {
      expect(readQuickly(fields, kind)).toBeUndefined()
      rememberShape(slowly(fields, kind), kind)
      expect(toldQuickly(fields, kind)).toEqual(toldSlowly(fields, kind))
      const quick = readQuickly(fields, kind) as Proof
      for (const name of ['content-type', 'content-digest', 'set-cookie', 'x-other', 'x-tenant', '@method']) {
        expect(quick.covers(name), name).toBe(slowly(fields, kind).covers(name))
        expect(quick.covers(name, 'req'), name).toBe(slowly(fields, kind).covers(name, 'req'))
      }
    }
  })

  it('remembers no list with more than plain fields and those of the request', () => {
    const { fields } = withCookies.response
    rememberShape(slowly(fields, 'answer'), 'answer')
    expect(readQuickly(fields, 'answer')).toBeUndefined()
  })

  it('reads one message for the other never', () => {
    expect(readQuickly(sent.request.fields, 'answer')).toBeUndefined()
    expect(readQuickly(answered.response.fields, 'request')).toBeUndefined()
  })

  it('leaves everything else to the other reader', async () => {
    const { request } = await signedRequest()
    rememberShape(slowly(request.fields, 'request'), 'request')
    expect(readQuickly(request.fields, 'request')).toBeUndefined()
    const input = sent.request.fields.get('signature-input') ?? ''
    for (const other of [
      input.replace('session=', 'other='),
      input.replace(';nonce="7"', ''),
      input.replace('nonce="7"', 'nonce="07"'),
      input.replace('nonce="7"', 'nonce="0"'),
      input.replace('nonce="7"', 'nonce="9007199254740992"'),
      input.replace(SESSION_ID, SESSION_ID.slice(1)),
      input.replace('countersign-session"', 'countersign-session-stream"'),
      input.replace(';wimse-sign-response', ''),
      `${input};alg="hmac-sha256"`,
      `${input}, wimse=("@method");tag="wimse-workload-to-workload"`,
      `wimse=("@method");tag="wimse-workload-to-workload", ${input}`,
      input.replace('created=1800000000', 'created=-800000000'),
      input.replace(' "x-tenant"', ' "x-unheard-of"'),
      `${input}\n`,
    ]) {
      expect(readQuickly(sent.request.fields.with({ 'signature-input': other }), 'request'), other).toBeUndefined()
    }
    const mac = sent.request.fields.get('signature') ?? ''
    for (const other of [
      mac.replace('session', 'other'),
      `${mac}, wimse=:AAAA:`,
      mac.replace('=:', 'A=:'),
      `${mac}\n`,
    ]) {
      expect(readQuickly(sent.request.fields.with({ signature: other }), 'request'), other).toBeUndefined()
    }
    const twice = new Fields([...sent.request.fields.raw, 'Signature-Input', input])
    expect(readQuickly(twice, 'request')).toBeUndefined()
  })

  it('never reads what the other one refuses, nor anything else than it', () => {
    let count = 0
    for (const [whole, kind] of [
      [sent.request.fields, 'request'],
      [answered.response.fields, 'answer'],
    ] as const) {
      const [input, signature] = [whole.get('signature-input') ?? '', whole.get('signature') ?? '']
      fc.assert(
        fc.property(
          fc.array(changes, { maxLength: 3 }),
          fc.array(changes, { maxLength: 1 }),
          (ofInput, ofSignature) => {
            const fields = new Fields([
              ...['Signature-Input', changed(input, ofInput), 'Signature', changed(signature, ofSignature)],
            ])
            const quick = toldQuickly(fields, kind)
            if (quick === undefined) return
            count++
            expect(quick).toEqual(toldSlowly(fields, kind))
          },
        ),
        { numRuns: 3_000 },
      )
    }
    expect(count).toBeGreaterThan(100)
  })

  it('agrees on every counter, time, name and audience', () => {
    const input = sent.request.fields.get('signature-input') ?? ''
    let count = 0
    const near = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>) => fc.oneof({ weight: 6, arbitrary: usual }, odd)
    const counters = near(fc.bigInt({ min: 1n, max: 2n ** 53n }), fc.bigInt({ min: -1n, max: 10n ** 18n }))
    const times = near(
      fc.bigInt({ min: 10n ** 9n, max: 10n ** 10n }),
      fc.bigInt({ min: -(10n ** 10n), max: 10n ** 16n }),
    )
    const idOf = (unit: string, minLength: number, maxLength: number) =>
      fc.string({ unit: fc.constantFrom(...unit), minLength, maxLength })
    const ids = near(idOf('AZaz09-_', 22, 22), idOf('AZaz09-_+=', 21, 23))
    const audiences = near(idOf('az:/. ~', 1, 12), idOf('az:/."\\ ~\u007f', 0, 12))
    fc.assert(
      fc.property(counters, times, ids, audiences, (counter, created, id, audience) => {
        const other = input
          .replace('nonce="7"', `nonce="${counter}"`)
          .replace('created=1800000000', `created=${created}`)
          .replace(SESSION_ID, id)
          .replace('spiffe://acme.internal/ledger', () => audience)
        const fields = sent.request.fields.with({ 'signature-input': other })
        const quick = toldQuickly(fields, 'request')
        if (quick === undefined) return
        count++
        expect(quick).toEqual(toldSlowly(fields, 'request'))
      }),
      { numRuns: 1_000 },
    )
    expect(count).toBeGreaterThan(100)
  })

  it('remembers 256 lists, and forgets the oldest first', async () => {
    const withField = async (i: number) => {
      const { request } = await macRequest({
        ...sessionRequest,
        fields: sessionRequest.fields.with({ [`x-${i}`]: 'v' }),
      })
      return request.fields
    }
    const first = await withField(0)
    rememberShape(slowly(first, 'request'), 'request')
    expect(readQuickly(first, 'request')).toBeDefined()
    for (let i = 1; i < 256; i++) rememberShape(slowly(await withField(i), 'request'), 'request')
    expect(readQuickly(first, 'request')).toBeDefined()
    rememberShape(slowly(await withField(256), 'request'), 'request')
    expect(readQuickly(first, 'request')).toBeUndefined()
    expect(readQuickly(await withField(256), 'request')).toBeDefined()
  })
})
