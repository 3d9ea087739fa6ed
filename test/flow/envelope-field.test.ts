import { expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import { readAnnounced, SEALED_TYPE, sealedFields } from '../../src/flow/envelope-field.ts'

const fields = (entries: Record<string, string>) => Fields.fromEntries(Object.entries(entries))
const refused = expect.objectContaining({ code: 'envelope-malformed' })

it('reads what it writes', () => {
  for (const type of ['application/json', 'text/plain;charset=UTF-8', '', 'multipart/form-data; boundary="a;b"']) {
    expect(readAnnounced(fields(sealedFields(type)))).toEqual({ sealed: true, contentType: type })
  }
  expect(readAnnounced(fields({ 'content-type': 'text/plain' }))).toEqual({ sealed: false, contentType: 'text/plain' })
})

it('a sealed media type without Content-Envelope, or the other way round, is refused', () => {
  expect(() => readAnnounced(fields({ 'content-type': SEALED_TYPE }))).toThrow(refused)
  expect(() =>
    readAnnounced(fields({ 'content-type': `${SEALED_TYPE};v=1`, 'content-envelope': 'sve1;ct="a"' })),
  ).toThrow(refused)
  expect(() =>
    readAnnounced(fields({ 'content-type': 'text/plain', 'content-envelope': 'sve1;ct="text/plain"' })),
  ).toThrow(refused)
  expect(() => readAnnounced(fields({ 'content-envelope': 'sve1;ct="text/plain"' }))).toThrow(refused)
  expect(() => readAnnounced(fields({ 'content-type': SEALED_TYPE.toUpperCase() }))).toThrow(refused)
})

it('a sealed body with a content coding is refused', () => {
  expect(() => readAnnounced(fields({ ...sealedFields('a/b'), 'content-encoding': 'gzip' }))).toThrow(refused)
})

it('a Content-Envelope that is not sve1 with an inner media type is refused', () => {
  for (const value of [
    'sve2;ct="a/b"',
    'sve1',
    'sve1;ct',
    'sve1;ct=a',
    '"sve1";ct="a/b"',
    '%"sve1";ct="a/b"',
    'sve1;ct="a/b", sve1;ct="a/b"',
    '',
  ]) {
    expect(() => readAnnounced(fields({ 'content-type': SEALED_TYPE, 'content-envelope': value })), value).toThrow(
      refused,
    )
  }
})

it('a sealed body within a sealed body is refused', () => {
  for (const type of [SEALED_TYPE, SEALED_TYPE.toUpperCase(), `${SEALED_TYPE};v=1`]) {
    expect(() => readAnnounced(fields(sealedFields(type))), type).toThrow(refused)
  }
})
