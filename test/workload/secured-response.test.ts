import { describe, expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import type { CallResult } from '../../src/flow/outbound/attempt.ts'
import { anonymous } from '../../src/identity/peer.ts'
import { factsOf, responseOf } from '../../src/workload/secured-response.ts'

const TEXT = '\ufeff{"a":"ü"}'
const TYPE = 'application/x-www-form-urlencoded'

function ours(text: string, status = 200): Response {
  const fields = new Fields(['Content-Type', TYPE, 'X-Two', '1', 'x-two', '2'])
  const answer = { status, fields, body: new TextEncoder().encode(text) }
  const result = { answer, callId: 'id', peer: anonymous, sealed: false, url: 'http://ledger/x' }
  // A response takes no more of a call than this.
  return responseOf(result as unknown as CallResult)
}

const plain = (text: string) =>
  new Response(text, {
    headers: [
      ['content-type', TYPE],
      ['x-two', '1, 2'],
    ],
  })

async function outcome(body: () => Promise<unknown>): Promise<unknown> {
  try {
    return await body()
  } catch (error) {
    return (error as Error).constructor.name
  }
}

const READERS: Readonly<Record<string, (answer: Response) => Promise<unknown>>> = {
  text: (answer) => answer.text(),
  json: (answer) => answer.json(),
  arrayBuffer: async (answer) => [...new Uint8Array(await answer.arrayBuffer())],
  blob: async (answer) => {
    const blob = await answer.blob()
    return [blob.type, await blob.text()]
  },
  formData: async (answer) => [...(await answer.formData())],
  stream: async (answer) => {
    const read: number[] = []
    for await (const chunk of answer.body ?? []) read.push(...chunk)
    return read
  },
  clone: async (answer) => [await answer.clone().text(), answer.bodyUsed],
  again: async (answer) => await new Response(answer.body, answer).text(),
}
const names = Object.keys(READERS)

describe('the response of a call', () => {
  it.each(names.flatMap((first) => names.map((second) => [first, second] as const)))(
    'behaves as any response, read by %s and then by %s',
    async (first, second) => {
      const told: unknown[][] = []
      for (const answer of [ours(TEXT), plain(TEXT)]) {
        const steps: unknown[] = [answer.bodyUsed]
        for (const name of [first, second]) {
          const read = READERS[name] as (answer: Response) => Promise<unknown>
          steps.push(await outcome(() => read(answer)), answer.bodyUsed)
        }
        told.push(steps)
      }
      expect(told[0]).toEqual(told[1])
    },
  )

  it('the body of an answer is read once, as that of any response', async () => {
    for (const read of [READERS.text, READERS.json, READERS.arrayBuffer]) {
      const answer = ours('{}')
      await read?.(answer)
      await expect(read?.(answer)).rejects.toThrow(TypeError)
      expect(answer.bodyUsed).toBe(true)
    }
  })

  it('says what it is', () => {
    const answer = ours('x', 404)
    expect(answer).toBeInstanceOf(Response)
    expect([answer.status, answer.ok, answer.url]).toEqual([404, false, 'http://ledger/x'])
    expect([answer.headers.get('x-two'), answer.headers.get('content-type')]).toEqual(['1, 2', TYPE])
    expect(factsOf(answer)).toEqual({ callId: 'id', peer: anonymous, sealed: false })
    expect(factsOf(new Response('x'))).toBeUndefined()
  })

  it('does not show the bytes it was made of to who changes what he was given', async () => {
    const answer = ours('abc')
    const copy = answer.clone()
    new Uint8Array(await answer.arrayBuffer()).fill(0)
    expect(await copy.text()).toBe('abc')
  })

  it('has one header, whoever asks for it', () => {
    const answer = ours('x')
    answer.headers.set('x-mine', '3')
    expect(answer.headers.get('x-mine')).toBe('3')
    expect(answer.clone().headers.get('x-mine')).toBe('3')
    expect(new Response('y', answer).headers.get('x-two')).toBe('1, 2')
  })

  it('refuses what is not JSON as any response does', async () => {
    await expect(ours('no').json()).rejects.toThrow(SyntaxError)
  })
})
