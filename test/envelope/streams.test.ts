import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromUtf8, utf8 } from '../../src/core/bytes.ts'
import { inspect } from '../../src/envelope/inspect.ts'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { openStream } from '../../src/envelope/open-stream.ts'
import { seal } from '../../src/envelope/seal.ts'
import { type SealStreamOptions, sealStream } from '../../src/envelope/seal-stream.ts'
import { codeOf, failureOf, isSame, passed, pattern } from './fixtures.ts'

const CHUNK = 262_144
const SEALED = CHUNK + 16
const HEADER = 96 + 3 + 1 + 4 + 24 + 48
const ring = createKeyring({ primary: 'kek1', keys: { kek1: pattern(32) } })
const context = { tenant: 'acme', id: '42' }

/** Cuts bytes after these lengths, which come again until all is cut. */
function* cut(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + (lengths[i % lengths.length] as number)
    yield bytes.subarray(at, end)
    at = end
  }
}

async function sealed(plaintext: Uint8Array, lengths = [65_536], options: Partial<SealStreamOptions> = {}) {
  const { pieces, failure } = await passed(sealStream({ to: ring, context, ...options }), cut(plaintext, lengths))
  expect(failure).toBeUndefined()
  return pieces
}

/** The header, and the chunks behind it. */
function chunksOf(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const envelope = concat(...pieces)
  return [envelope.subarray(0, HEADER), ...cut(envelope.subarray(HEADER), [SEALED])]
}

async function opened(pieces: Iterable<Uint8Array>, options = {}) {
  const given = await passed(openStream({ with: ring, context, ...options }), pieces)
  return { bytes: concat(...given.pieces), failure: given.failure }
}

const stepOf = async (pieces: Iterable<Uint8Array>, options = {}) => (await opened(pieces, options)).failure?.step

describe('a stream', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 700_000])(
    'of %i bytes opens to what was sealed',
    async (length) => {
      const plaintext = pattern(length)
      const pieces = await sealed(plaintext)
      const envelope = concat(...pieces)
      expect(inspect(envelope)).toMatchObject({ suite: 3, headerBytes: HEADER, chunks: Math.floor(length / CHUNK) + 1 })
      const { bytes, failure } = await opened(cut(envelope, [1, 7, 100_000]))
      expect([isSame(bytes, plaintext), failure]).toEqual([true, undefined])
      expect(isSame(await open(envelope, { with: ring, context }), plaintext)).toBe(true)
    },
  )

  it('opens what was sealed as a whole, short or long', async () => {
    for (const length of [0, 5, 65_536, 65_537, 300_000]) {
      const envelope = await seal(pattern(length), { to: ring, context })
      expect(inspect(envelope).suite).toBe(length > 65_536 ? 3 : 1)
      expect(isSame((await opened([envelope])).bytes, pattern(length))).toBe(true)
    }
  })

  it('round-trips in whatever pieces it comes', async () => {
    const lengths = fc.array(fc.integer({ min: 5_000, max: 400_000 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 900_000 }),
        lengths,
        lengths,
        fc.boolean(),
        async (length, a, b, records) => {
          const plaintext = pattern(length)
          const envelope = concat(...(await sealed(plaintext, a, { records })))
          expect(isSame((await opened(cut(envelope, b))).bytes, plaintext)).toBe(true)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('gives each chunk out as soon as it is there, and the header before anything', async () => {
    const { readable, writable } = sealStream({ to: ring, context })
    const [reader, writer] = [readable.getReader(), writable.getWriter()]
    expect((await reader.read()).value).toHaveLength(HEADER)
    const writing = writer.write(pattern(CHUNK))
    let length = 0
    while (length < SEALED) length += (await reader.read()).value?.length ?? 0
    expect(length).toBe(SEALED)
    await writing
    await reader.cancel()
  })

  it('takes no more than it can hand on', async () => {
    const { readable, writable } = sealStream({ to: ring, context })
    const writer = writable.getWriter()
    let written = 0
    const writing = (async () => {
      for (; written < 100; written++) await writer.write(pattern(CHUNK))
    })()
    writing.catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(written).toBeLessThan(3)
    await readable.cancel()
  })

  it('passes an abort on and never closes for it', async () => {
    const { readable, writable } = sealStream({ to: ring, context })
    const reading = (async () => {
      for await (const _ of readable);
    })()
    await writable.abort(new Error('given up'))
    await expect(reading).rejects.toThrow('given up')
  })

  it('lets timers run while it works', async () => {
    let fired = 0
    const timer = setInterval(() => fired++, 1)
    const big = new Uint8Array(64 * 1_048_576)
    const envelope = await seal(big, { to: ring, context })
    const afterSealing = fired
    await open(envelope, { with: ring, context, maxPlaintextBytes: big.length })
    clearInterval(timer)
    expect(afterSealing).toBeGreaterThan(3)
    expect(fired).toBeGreaterThan(afterSealing + 3)
  })
})

describe('a stream that is not what was sealed', () => {
  it('gives out what was verified and then fails, wherever it is cut', async () => {
    const plaintext = pattern(2 * CHUNK + 5)
    const envelope = concat(...(await sealed(plaintext)))
    for (const end of [
      HEADER,
      HEADER + 1,
      HEADER + SEALED - 1,
      HEADER + SEALED,
      HEADER + 2 * SEALED,
      envelope.length - 1,
    ]) {
      const { bytes, failure } = await opened([envelope.subarray(0, end)])
      expect(failure?.code, `cut at ${end}`).toBe('unopened')
      const whole = Math.max(0, Math.floor((end - HEADER) / SEALED))
      expect(isSame(bytes, plaintext.subarray(0, whole * CHUNK))).toBe(true)
    }
  })

  it('a stream that ends within its header is refused', async () => {
    const envelope = concat(...(await sealed(pattern(9))))
    for (let end = 0; end < HEADER; end++) expect(await stepOf([envelope.subarray(0, end)])).toBe('truncated')
    expect(await stepOf([])).toBe('truncated')
    expect(await stepOf([utf8('no envelope')])).toBe('malformed')
    expect(await stepOf([utf8('no')])).toBe('truncated')
  })

  it('reads no more of a header than a header may have', async () => {
    const start = Uint8Array.of(...utf8('SVE1'), 3, 0, 0, 32)
    const recipients = Array.from({ length: 32 }, () => Uint8Array.of(0x77, 0xff, 0xff, ...new Uint8Array(65_535)))
    expect(await stepOf([start, ...recipients])).toBe('malformed')
  })

  it('refuses chunks that were swapped, doubled, dropped, appended to or of another stream', async () => {
    const [head, a, b, last] = chunksOf(await sealed(pattern(2 * CHUNK + 5))) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const [, c] = chunksOf(await sealed(pattern(2 * CHUNK + 5))) as [Uint8Array, Uint8Array]
    for (const pieces of [
      [b, a, last],
      [a, a, b, last],
      [b, last],
      [a, last],
      [last],
      [a, b, last, pattern(1)],
      [a, c, last],
    ]) {
      expect(await stepOf([head, ...pieces])).toBe('chunk-auth')
    }
  })

  it('refuses another context, another key and another suite', async () => {
    const envelope = concat(...(await sealed(pattern(9))))
    expect(await stepOf([envelope], { context: { ...context, id: '43' } })).toBe('commitment')
    const other = createKeyring({ primary: 'kek1', keys: { kek1: pattern(33).subarray(1) } })
    expect(await stepOf([envelope], { with: other })).toBe('unwrap-failed')
    for (const suite of [1, 2]) {
      const relabelled = Uint8Array.from(envelope)
      relabelled[4] = suite
      expect(await stepOf([relabelled])).toBe('header-mac')
    }
    const short = await seal(pattern(9), { to: ring, context })
    short[4] = 3
    expect(await stepOf([short])).toBe('header-mac')
  })

  it('fails for any changed byte', async () => {
    for (const records of [false, true]) {
      const envelope = concat(...(await sealed(pattern(300), [100], { records })))
      for (let at = 0; at < envelope.length; at++) {
        const changed = Uint8Array.from(envelope)
        changed[at] = (changed[at] as number) ^ (1 << (at % 8))
        const { bytes, failure } = await opened([changed])
        expect(failure?.code, `byte ${at}`).toBe('unopened')
        expect(pattern(300).subarray(0, bytes.length)).toEqual(bytes)
      }
    }
  })

  it('a stream that opens to more than the limit fails before the chunk that passes it is opened', async () => {
    const envelope = concat(...(await sealed(pattern(CHUNK + 5))))
    expect(await stepOf([envelope], { maxPlaintextBytes: CHUNK + 5 })).toBeUndefined()
    envelope[HEADER + SEALED] = (envelope[HEADER + SEALED] as number) ^ 1
    const { bytes, failure } = await opened([envelope], { maxPlaintextBytes: CHUNK + 4 })
    expect(failure?.step).toBe('too-large')
    expect(bytes).toHaveLength(CHUNK)
  })
})

describe('records', () => {
  const events = ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n'].map(utf8)
  const sealedEvents = async () => {
    const { pieces } = await passed(sealStream({ to: ring, context, records: true }), events)
    return pieces as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  }

  it('can be read one by one while the next is not written', async () => {
    const sealing = sealStream({ to: ring, context, records: true })
    const reader = sealing.readable.pipeThrough(openStream({ with: ring, context })).getReader()
    const writer = sealing.writable.getWriter()
    for (const event of events) {
      const writing = writer.write(event)
      expect((await reader.read()).value).toEqual(event)
      await writing
    }
    const closing = writer.close()
    expect((await reader.read()).done).toBe(true)
    await closing
  })

  it('are as many as the writes that had something in them, and long writes become several', async () => {
    const { pieces } = await passed(sealStream({ to: ring, context, records: true }), [
      new Uint8Array(0),
      pattern(65_536),
      pattern(65_537),
    ])
    expect(pieces.slice(1).map(({ length }) => length)).toEqual([65_556, 65_556, 21, 20])
  })

  it('are counted by what they say of themselves', async () => {
    const envelope = concat(...(await sealedEvents()))
    expect(inspect(envelope)).toMatchObject({ suite: 2, chunks: 4 })
    const { headerBytes } = inspect(envelope)
    for (const [end, chunks] of [
      [0, 0],
      [1, 1],
      [29, 1],
      [30, 2],
      [33, 2],
    ] as const) {
      expect(inspect(envelope.subarray(0, headerBytes + end)).chunks, `${end}`).toBe(chunks)
    }
  })

  it('bytes behind the final record are refused', async () => {
    const pieces = await sealedEvents()
    expect(await stepOf([...pieces, Uint8Array.of(0)])).toBe('trailing')
    expect(await stepOf([concat(...pieces, Uint8Array.of(0))])).toBe('trailing')
  })

  it('an envelope that ends before its final record is refused', async () => {
    const [head, a, b, c, final] = await sealedEvents()
    for (const cutOff of [[], [a], [a, b, c], [a, b, c, final.subarray(0, 19)], [a.subarray(0, 3)]]) {
      expect(await stepOf([head, ...cutOff])).toBe('truncated')
      const failure = await failureOf(() => open(concat(head, ...cutOff), { with: ring, context }))
      expect(failure).toEqual({ code: 'unopened', step: 'truncated' })
    }
  })

  it('a record whose tag does not hold is refused', async () => {
    const [head, a, b, c, final] = await sealedEvents()
    for (const pieces of [[b, a, c, final], [a, a, b, c, final], [a, c, final], [final]]) {
      expect(await stepOf([head, ...pieces])).toBe('chunk-auth')
    }
  })

  it('a record that is shorter than its tag or longer than records are is refused', async () => {
    const [head] = await sealedEvents()
    for (const length of [0, 15, 65_553, 0x7fffffff]) {
      const start = Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length)
      expect(await stepOf([head, start])).toBe('malformed')
    }
  })

  it('an empty record that is not the final one is refused', async () => {
    const [head] = await sealedEvents()
    expect(await stepOf([head, Uint8Array.of(0, 0, 0, 16), pattern(16)])).toBe('malformed')
  })

  it('records of more than the limit fail before the one that passes it is opened', async () => {
    const pieces = await sealedEvents()
    const { bytes, failure } = await opened(pieces, { maxPlaintextBytes: 26 })
    expect([fromUtf8(bytes), failure?.step]).toEqual(['data: 1\n\ndata: 2\n\n', 'too-large'])
    expect(await stepOf(pieces, { maxPlaintextBytes: 27 })).toBeUndefined()
  })
})

describe('the options of a stream', () => {
  it('are looked at when it is made', async () => {
    expect(await codeOf(() => sealStream({ to: [] }))).toBe('option-invalid')
    expect(await codeOf(() => sealStream({ to: ring, context: { id: '\ud800' } }))).toBe('option-invalid')
    expect(await codeOf(() => openStream({ with: { kid: 'x' } as never }))).toBe('option-invalid')
    expect(await codeOf(() => openStream({ with: ring, maxPlaintextBytes: -1 }))).toBe('option-invalid')
  })

  it('do not make bytes of anything else', async () => {
    for (const stream of [sealStream({ to: ring }), openStream({ with: ring })]) {
      const { failure } = await passed(stream, ['text' as never])
      expect(failure).toEqual({ code: 'option-invalid', option: 'chunk' })
    }
  })
})
