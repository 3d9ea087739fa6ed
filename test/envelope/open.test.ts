import { inspect as print } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCountersignError } from '../../src/core/errors.ts'
import { createKeyring, type Keyring, open, recipient, seal } from '../../src/envelope.ts'
import { failureOf, freshJwk, pattern, publicOf } from './fixtures.ts'

const right = new Uint8Array(32).fill(1)
const wrong = new Uint8Array(32).fill(2)
const ringOf = (keys: Record<string, Uint8Array>): Keyring =>
  createKeyring({ primary: Object.keys(keys)[0] as string, keys })
const keyring = ringOf({ k: right })
const jwks = { p: await freshJwk('P-256'), x: await freshJwk('X25519') }

const stepOf = async (envelope: Uint8Array, options: Parameters<typeof open>[1]) => {
  const failure = await failureOf(() => open(envelope, options))
  return failure.code === 'unopened' ? failure.step : failure.code
}

function flipped(envelope: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(envelope)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

describe('open', () => {
  it('an envelope for nobody in the keyring is refused', async () => {
    const envelope = await seal(pattern(5), { to: keyring })
    expect(await stepOf(envelope, { with: ringOf({ other: right }) })).toBe('no-recipient')
    // The same id with a key of another type is another recipient.
    const sameId = createKeyring({ primary: 'k', keys: { k: jwks.x } })
    expect(await stepOf(envelope, { with: sameId })).toBe('no-recipient')
  })

  it('a data key that does not unwrap is refused without a second attempt', async () => {
    const second = ringOf({ second: right })
    const envelope = await seal(pattern(5), { to: [keyring, second] })
    expect(await stepOf(envelope, { with: ringOf({ k: wrong, second: right }) })).toBe('unwrap-failed')
    expect(await stepOf(envelope, { with: second })).toBe('none')
    for (const [kid, jwk] of Object.entries(jwks)) {
      const sealed = await seal(pattern(5), { to: recipient({ ...publicOf(jwk), kid }) })
      const other = await freshJwk(kid === 'p' ? 'P-256' : 'X25519')
      expect(await stepOf(sealed, { with: createKeyring({ primary: kid, keys: { [kid]: other } }) })).toBe(
        'unwrap-failed',
      )
    }
  })

  it('refuses an ephemeral point off its curve, and one that gives zeros', async () => {
    for (const [kid, jwk, point] of [
      ['p', jwks.p, Uint8Array.of(4, ...new Uint8Array(64).fill(1))],
      ['x', jwks.x, new Uint8Array(32)],
    ] as const) {
      const envelope = await seal(pattern(5), { to: recipient({ ...publicOf(jwk), kid }) })
      envelope.set(point, 8 + 3 + 2)
      expect(await stepOf(envelope, { with: createKeyring({ primary: kid, keys: { [kid]: jwk } }) })).toBe(
        'unwrap-failed',
      )
    }
  })

  it('a header whose MAC does not hold is refused', async () => {
    const to = [keyring, recipient({ ...publicOf(jwks.x), kid: 'x' })]
    const envelope = await seal(pattern(5), { to })
    const first = 8 + 3 + 2 + 72
    const second = first + 3 + 2 + 80
    // Another recipient's name and body, the salt, the commitment, the MAC itself.
    for (const at of [first + 4, first + 10, second, second + 30, second + 60]) {
      expect(await stepOf(flipped(envelope, at * 8), { with: keyring }), `byte ${at}`).toBe('header-mac')
    }
    // A recipient left out.
    const fewer = Uint8Array.from([
      ...envelope.subarray(0, 7),
      1,
      ...envelope.subarray(8, first),
      ...envelope.subarray(second),
    ])
    expect(await stepOf(fewer, { with: keyring })).toBe('header-mac')
  })

  it('a commitment to another key or context is refused before a chunk is opened', async () => {
    const context = { tenant: 'acme', id: '42' }
    const envelope = await seal(pattern(5), { to: keyring, context })
    const broken = flipped(envelope, envelope.length * 8 - 1)
    for (const other of [
      {},
      { tenant: 'acme' },
      { ...context, id: '43' },
      { ...context, more: '' },
      { tenant: '42', id: 'acme' },
    ]) {
      expect(await stepOf(broken, { with: keyring, context: other })).toBe('commitment')
    }
    expect(await stepOf(envelope, { with: keyring })).toBe('commitment')
    expect(await stepOf(envelope, { with: keyring, context: { id: '42', tenant: 'acme' } })).toBe('none')
  })

  it('opening under a context that has no encoding is refused as under any other', async () => {
    const envelope = await seal(pattern(5), { to: keyring })
    for (const value of ['x'.repeat(65_536), '\ud800']) {
      expect(await stepOf(envelope, { with: keyring, context: { value } })).toBe('commitment')
    }
  })

  it('a limit of plaintext that is no count of bytes is refused', async () => {
    const envelope = await seal(pattern(5), { to: keyring })
    for (const maxPlaintextBytes of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
      expect(await stepOf(envelope, { with: keyring, maxPlaintextBytes })).toBe('option-invalid')
    }
    expect(await stepOf(envelope, { with: keyring, maxPlaintextBytes: 4 })).toBe('too-large')
    expect(await stepOf(envelope, { with: keyring, maxPlaintextBytes: 5 })).toBe('none')
  })

  it('takes 16 MiB and no more by default', async () => {
    const limit = 16 * 1024 * 1024
    const [fits, exceeds] = [
      await seal(new Uint8Array(limit), { to: keyring }),
      await seal(new Uint8Array(limit + 1), { to: keyring }),
    ]
    expect((await open(fits, { with: keyring })).length).toBe(limit)
    expect(await stepOf(exceeds, { with: keyring })).toBe('too-large')
  })

  it('names the key id for the operator alone', async () => {
    const envelope = await seal(pattern(5), { to: keyring })
    for (const ring of [ringOf({ k: wrong }), ringOf({ other: right })]) {
      const error = await open(envelope, { with: ring }).catch((caught: unknown) => caught)
      if (!isCountersignError(error, 'unopened')) return expect.unreachable()
      expect(error.detail.keyId).toBe('k')
      expect(error.message).toBe('The sealed bytes could not be opened.')
      expect(JSON.stringify(error)).not.toContain('unwrap')
      expect(Object.keys(error)).not.toContain('detail')
    }
  })

  it('shows neither key nor plaintext nor context in an error', async () => {
    const marker = 'MARKER-MARKER-MARKER-MARKER-32b!'
    const key = new TextEncoder().encode(marker)
    const ring = ringOf({ k: key })
    const envelope = await seal(key, { to: ring, context: { secret: marker } })
    const bits = [8 * 20, 8 * 90, 8 * 120, 8 * 160, envelope.length * 8 - 1]
    const attempts = bits.map((bit) => open(flipped(envelope, bit), { with: ring, context: { secret: marker } }))
    attempts.push(open(envelope, { with: ring, context: { secret: `${marker}x` } }))
    for (const attempt of attempts) {
      const error: unknown = await attempt.catch((caught: unknown) => caught)
      expect(isCountersignError(error, 'unopened')).toBe(true)
      const printed = print(error, { showHidden: true, depth: 9 })
      expect(printed).not.toContain('MARKER')
      expect(printed).not.toContain('77, 65, 82')
    }
  })

  it('round-trips any bytes under any context', async () => {
    const context = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.string({ maxLength: 40 }), {
      maxKeys: 8,
    })
    const lengths = fc.oneof(fc.nat(200), fc.nat(50_000), fc.constantFrom(0, 16_383, 16_384, 16_385, 32_768, 49_152))
    const ring = createKeyring({ primary: 'p', keys: { k: right, ...jwks } })
    const recipients = fc.constantFrom(keyring, ring, [keyring, recipient({ ...publicOf(jwks.x), kid: 'x' })])
    const roundTrip = async (
      length: number,
      seed: number,
      bound: Record<string, string>,
      to: typeof ring | (typeof keyring)[],
    ) => {
      const plaintext = Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff)
      const envelope = await seal(plaintext, { to, context: bound })
      expect(Buffer.compare(await open(envelope, { with: ring, context: bound }), plaintext)).toBe(0)
      expect(await stepOf(envelope, { with: ring, context: { ...bound, more: 'x'.repeat(50) } })).toBe('commitment')
    }
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(255), context, recipients, (length, seed, bound, to) =>
        roundTrip(length, seed, bound, to as typeof ring),
      ),
      { numRuns: 150 },
    )
  })

  it('refuses an envelope with any one bit flipped', async () => {
    const envelope = await seal(pattern(14), { to: keyring, context: { a: 'b' } })
    for (let bit = 0; bit < envelope.length * 8; bit++) {
      const failure = await failureOf(() => open(flipped(envelope, bit), { with: keyring, context: { a: 'b' } }))
      expect(failure.code, `bit ${bit}`).toBe('unopened')
    }
  })

  it('refuses a long envelope with any one bit flipped', async () => {
    const ring = createKeyring({ primary: 'x', keys: { k: right, ...jwks } })
    const to = [keyring, recipient({ ...publicOf(jwks.p), kid: 'p' }), ring]
    const envelope = await seal(pattern(40_000), { to })
    const bits = fc.oneof(fc.nat(400 * 8), fc.nat(envelope.length * 8 - 1))
    await fc.assert(
      fc.asyncProperty(bits, async (bit) => {
        expect((await failureOf(() => open(flipped(envelope, bit), { with: ring }))).code).toBe('unopened')
      }),
      { numRuns: 300 },
    )
  })

  it('refuses an envelope cut or lengthened anywhere', async () => {
    const envelope = await seal(pattern(14), { to: keyring })
    for (let end = 0; end < envelope.length; end++) {
      const failure = await failureOf(() => open(envelope.subarray(0, end), { with: keyring }))
      expect(failure.code, `cut at ${end}`).toBe('unopened')
    }
    for (const more of [1, 16, 16_400]) {
      const longer = new Uint8Array(envelope.length + more)
      longer.set(envelope)
      expect(await stepOf(longer, { with: keyring })).toBe('chunk-auth')
    }
  })
})
