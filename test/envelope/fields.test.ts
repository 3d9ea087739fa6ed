import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { openFields, sealFields } from '../../src/envelope/fields.ts'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { seal } from '../../src/envelope/seal.ts'
import { failureOf, pattern } from './fixtures.ts'

const ring = createKeyring({ primary: 'kek1', keys: { kek1: pattern(32) } })
const context = { tenant: 'acme', table: 'orders', id: '42' }
const order = () => ({
  id: '42',
  customer: { name: 'Alice', age: 44, tags: ['a', null, true] },
  items: [{ sku: 'x-1', price: 12.5 }, { sku: 'x-2', price: 0 }, { price: 1 }],
  note: null,
})
const sealing = (record: object, ...paths: string[]) => sealFields(record, { paths, to: ring, context })
const opening = (record: object, ...paths: string[]) => openFields(record, { paths, with: ring, context })

describe('fields of a record', () => {
  it('are sealed where the paths lead, and nothing else is touched', async () => {
    const given = order()
    const paths = ['customer.name', 'customer.age', 'items.*.sku', 'note', 'customer.tags']
    const sealed = await sealFields(given, { paths, to: ring, context })
    expect(given).toEqual(order())
    const text = expect.stringMatching(/^[A-Za-z0-9_-]{200,}$/)
    expect(sealed).toEqual({
      id: '42',
      customer: { name: text, age: text, tags: text },
      items: [{ sku: text, price: 12.5 }, { sku: text, price: 0 }, { price: 1 }],
      note: text,
    })
    expect(await openFields(sealed, { paths, with: ring, context })).toEqual(order())
    expect(Object.keys(sealed)).toEqual(Object.keys(given))
  })

  it.each([
    [null],
    [true],
    [0],
    [-1.5e300],
    [''],
    ['é🐎'],
    [[]],
    [{}],
    [[1, [2, { a: [null] }]]],
    [{ a: { b: 1 }, c: '\ud800' }],
  ])('keep the type of %j', async (value) => {
    const sealed = await sealing({ value }, 'value')
    expect(await opening(sealed, 'value')).toEqual({ value })
  })

  it('do not open at another place, nor in another record', async () => {
    const { items } = await sealFields(
      { items: [{ sku: 'x-1' }, { sku: 'x-2' }] },
      { paths: ['items.*.sku'], to: ring, context },
    )
    const [a, b] = items as [{ sku: string }, { sku: string }]
    const refused = { code: 'unopened', step: 'commitment' }
    expect(await failureOf(() => opening({ items: [b, a] }, 'items.*.sku'))).toEqual(refused)
    expect(await failureOf(() => opening({ sku: a.sku }, 'sku'))).toEqual(refused)
    const elsewhere = { paths: ['items.*.sku'], with: ring, context: { ...context, id: '43' } }
    expect(await failureOf(() => openFields({ items: [a, b] }, elsewhere))).toEqual(refused)
  })

  it('are all opened or none', async () => {
    const sealed = (await sealing(order(), 'items.*.sku', 'note')) as ReturnType<typeof order>
    const broken = { ...sealed, note: `${sealed.note}`.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) }
    const kept = structuredClone(broken)
    expect((await failureOf(() => opening(broken, 'items.*.sku', 'note'))).code).toBe('unopened')
    expect(broken).toEqual(kept)
  })

  it('a path that leads to no field is refused where it is not marked optional', async () => {
    for (const path of [
      'nam',
      'customer.nam',
      'items.*.skus',
      'items.3.sku',
      'id.length',
      'items.length',
      'id.*',
      'toString',
      'customer.__proto__',
    ]) {
      expect(await failureOf(() => sealing(order(), path)), path).toEqual({ code: 'option-invalid', option: 'paths' })
      expect(await sealing(order(), `${path}?`)).toEqual(order())
    }
    expect(await sealing({ items: [] }, 'items.*.sku?')).toEqual({ items: [] })
  })

  it('a path of fields that is empty or has an empty segment is refused', async () => {
    for (const path of ['', '.', 'a.', '.a', 'a..b', '?', 'a?.b', 5 as never]) {
      expect((await failureOf(() => sealing(order(), path))).option).toBe('paths')
    }
  })

  it('paths of which one leads into what another one seals are refused', async () => {
    for (const paths of [
      ['customer', 'customer.name'],
      ['items.*.sku', 'items'],
      ['items.0', 'items.*.sku'],
      ['*', 'customer.name'],
    ]) {
      expect((await failureOf(() => sealing(order(), ...paths))).option, `${paths}`).toBe('paths')
    }
    expect(
      await opening(await sealing(order(), 'items.0.sku', 'items.*.sku', 'note', 'note'), 'items.*.sku', 'note'),
    ).toEqual(order())
  })

  it('a field whose value JSON would change or lose is not sealed', async () => {
    const circle: unknown[] = []
    circle.push(circle)
    const values = [
      undefined,
      Number.NaN,
      -0,
      1n,
      new Date(),
      () => 1,
      [undefined],
      { a: undefined },
      new Map(),
      Symbol.iterator,
      circle,
      { toJSON: () => 1 },
    ]
    for (const value of values) {
      expect(await failureOf(() => sealing({ value }, 'value'))).toEqual({ code: 'option-invalid', option: 'record' })
    }
  })

  it('a field that is no sealed text does not open', async () => {
    for (const value of [5, null, 'plain text', '', { a: 1 }]) {
      expect((await failureOf(() => opening({ value }, 'value'))).code).toBe('unopened')
    }
  })

  it('an envelope of anything but JSON does not open as a field', async () => {
    const bytes = await seal(utf8('{'), { to: ring, context: { ...context, path: '/value' } })
    expect(await failureOf(() => opening({ value: toBase64url(bytes) }, 'value'))).toEqual({
      code: 'unopened',
      step: 'malformed',
    })
  })

  it('a context that already says where a field is, is refused', async () => {
    const options = { paths: ['note'], to: ring, context: { ...context, path: '/note' } }
    expect(await failureOf(() => sealFields(order(), options))).toEqual({
      code: 'option-invalid',
      option: 'context.path',
    })
  })

  it('may have any name, and change nothing but the record', async () => {
    const record = JSON.parse('{"__proto__":{"a":"x"},"a/b":{"~":"y"},"constructor":"z"}')
    const paths = ['__proto__.a', 'a/b.~', 'constructor']
    const sealed = await sealing(record, ...paths)
    expect(Object.getPrototypeOf(sealed)).toBe(Object.prototype)
    expect(({} as { a?: string }).a).toBeUndefined()
    expect(JSON.stringify(await opening(sealed, ...paths))).toBe(JSON.stringify(record))
    const swapped = { ...(sealed as object), constructor: (sealed as Record<string, { '~': string }>)['a/b']?.['~'] }
    expect((await failureOf(() => opening(swapped, 'constructor'))).step).toBe('commitment')
  })
})
