import { expect, it } from 'vitest'
import { fieldsOf, headersOf, readStream } from '../../src/flow/whatwg.ts'

it('keeps cookies apart, and everything else combined, both ways', () => {
  const headers = new Headers([
    ['x-a', '1'],
    ['x-a', '2'],
    ['set-cookie', 'a=1, b'],
    ['set-cookie', 'c=2'],
  ])
  const fields = fieldsOf(headers)
  expect(fields.all('x-a')).toEqual(['1, 2'])
  expect(fields.all('set-cookie')).toEqual(['a=1, b', 'c=2'])
  expect(headersOf(fields).getSetCookie()).toEqual(['a=1, b', 'c=2'])
})

it('reads up to the limit, and cancels what is one byte longer', async () => {
  const stream = (chunks: number[][]) => {
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = chunks.shift()
        if (chunk === undefined) controller.close()
        else controller.enqueue(new Uint8Array(chunk))
      },
      cancel() {
        cancelled = true
      },
    })
    return { body, wasCancelled: () => cancelled }
  }
  expect(await readStream(null, 0)).toEqual(new Uint8Array(0))
  expect(await readStream(stream([[1, 2], [3]]).body, 3)).toEqual(new Uint8Array([1, 2, 3]))
  const long = stream([[1, 2], [3, 4], [5]])
  expect(await readStream(long.body, 3)).toBe('too-large')
  expect(long.wasCancelled()).toBe(true)
})
