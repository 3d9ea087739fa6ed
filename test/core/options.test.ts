import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { checkOptions, withMethods } from '../../src/core/options.ts'
import { refusal } from './refusal.ts'

const schema = z.strictObject({
  size: z.number().max(10, 'at most 10'),
  kind: z.enum(['a', 'b']).optional(),
  shape: z.discriminatedUnion('is', [z.object({ is: z.literal('p') }), z.object({ is: z.literal('q') })]).optional(),
  nested: z.strictObject({ list: z.array(z.string('write a text')) }).optional(),
  store: withMethods<{ claim(): void }>('give a store with claim()', 'claim').optional(),
})

describe('checkOptions', () => {
  it('gives valid options back', () => {
    const options = { size: 1, nested: { list: ['a'] } }
    expect(checkOptions(schema, options, 'guard')).toEqual(options)
  })

  it('names the option that is wrong and what to write', () => {
    const cases: readonly (readonly [unknown, string, string])[] = [
      [{ size: 11 }, 'guard.size', 'at most 10'],
      [{ size: 1, nested: { list: ['a', 2] } }, 'guard.nested.list.1', 'write a text'],
      [{ size: 1, store: {} }, 'guard.store', 'give a store with claim()'],
      [{ size: 1, sizes: 2 }, 'guard', '"sizes" is not known here: remove it or correct its name'],
      [{ size: '1' }, 'guard.size', 'give a value of type number'],
      [undefined, 'guard', 'give a value of type object'],
      [{ size: 1, kind: 'c' }, 'guard.kind', 'write "a" or "b"'],
      [{ size: 1, shape: { is: 'r' } }, 'guard.shape.is', 'write "p" or "q"'],
    ]
    for (const [options, option, fix] of cases) {
      const error = refusal(() => checkOptions(schema, options, 'guard'))
      expect(error.code).toBe('option-invalid')
      expect(error.detail).toEqual({ option, fix })
      expect(error.message).toBe(`An option is not valid. ${option}: ${fix}`)
    }
  })

  it('shows no value of an option', () => {
    for (const options of ['MARKER', { size: 'MARKER' }, { size: 1, nested: 'MARKER' }, { size: 1, store: 'MARKER' }]) {
      expect(refusal(() => checkOptions(schema, options, 'guard')).message).not.toContain('MARKER')
    }
  })
})

describe('withMethods', () => {
  const store = withMethods('give a store', 'claim', 'close')

  it('takes objects, classes and functions that have the methods', () => {
    class Store {
      claim() {}
      close() {}
    }
    for (const value of [new Store(), Object.assign(() => {}, { claim() {}, close() {} })]) {
      expect(store.safeParse(value).success).toBe(true)
    }
  })

  it('refuses what lacks one, or is nothing', () => {
    for (const value of [null, undefined, 'claim', 1, {}, { claim() {} }, { claim() {}, close: true }]) {
      expect(store.safeParse(value).success).toBe(false)
    }
  })
})
