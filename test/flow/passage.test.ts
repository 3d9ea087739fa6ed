import { expect, it } from 'vitest'
import { type ByteSource, readUpTo, sourceOf, streamOf } from '../../src/flow/byte-source.ts'
import { Passage } from '../../src/flow/passage.ts'

function sourceFrom(parts: readonly (Uint8Array | Error)[]): ByteSource & { cancelled: unknown[] } {
  const left = [...parts]
  const cancelled: unknown[] = []
  return {
    cancelled,
    async read() {
      const next = left.shift()
      if (next instanceof Error) throw next
      return next
    },
    async cancel(reason) {
      cancelled.push(reason)
    },
  }
}

const asItIs = {
  push: (bytes: Uint8Array, put: (piece: Uint8Array<ArrayBuffer>) => void) => put(new Uint8Array(bytes)),
  end: (put: (piece: Uint8Array<ArrayBuffer>) => void) => put(Uint8Array.of(9)),
}

it('passes everything on, and tells that it has ended and how much came out', async () => {
  const passage = new Passage(sourceFrom([Uint8Array.of(1), Uint8Array.of(2, 3)]), asItIs, [Uint8Array.of(0)])
  const bytes = new Uint8Array(await new Response(streamOf(passage)).arrayBuffer())
  expect([...bytes]).toEqual([0, 1, 2, 3, 9])
  expect(await passage.ended).toEqual({ bytes: 5, error: undefined })
})

it('a body that failed once never looks as if it had come to its end', async () => {
  const gone = new Error('gone')
  const source = sourceFrom([Uint8Array.of(1), gone])
  const passage = new Passage(source, asItIs)
  expect([...((await passage.read()) ?? [])]).toEqual([1])
  await expect(passage.read()).rejects.toBe(gone)
  await expect(passage.read()).rejects.toBe(gone)
  expect(await passage.ended).toEqual({ bytes: 1, error: gone })
  expect(source.cancelled).toEqual([gone])
})

it('takes nothing in that nobody asks for', async () => {
  let asked = 0
  const source = {
    read: async () => {
      asked++
      return Uint8Array.of(asked)
    },
    cancel: async () => undefined,
  }
  const stream = streamOf(new Passage(source, asItIs))
  await new Promise(setImmediate)
  expect(asked).toBe(0)
  const reader = stream.getReader()
  await reader.read()
  await new Promise(setImmediate)
  expect(asked).toBe(1)
})

it('passes on that nobody wants the rest', async () => {
  const source = sourceFrom([Uint8Array.of(1), Uint8Array.of(2)])
  const passage = new Passage(source, asItIs)
  const reader = streamOf(passage).getReader()
  await reader.read()
  const reason = new Error('enough')
  await reader.cancel(reason)
  expect(source.cancelled).toEqual([reason])
  expect(await passage.ended).toEqual({ bytes: 1, error: reason })
})

it('gives a source back as it was where it has more than was asked for', async () => {
  const stream = () => new Blob(['abcdef']).stream() as ReadableStream<Uint8Array>
  const whole = await readUpTo(sourceOf(stream()), 6)
  expect(whole instanceof Uint8Array && new TextDecoder().decode(whole)).toBe('abcdef')
  const longer = await readUpTo(sourceOf(stream()), 5)
  if (longer instanceof Uint8Array) throw new Error('read as a whole')
  expect(await new Response(streamOf(longer)).text()).toBe('abcdef')
})
