import { expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import {
  announcesStream,
  checkStreamed,
  readAnnounced,
  SEALED_TYPE,
  sealedFields,
} from '../../src/flow/envelope-field.ts'
import { readProof } from '../../src/signature/proof.ts'

const head = { salt: new Uint8Array(24).fill(1), commitment: new Uint8Array(32).fill(2) }
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

it('reads the head of a stream that it writes', () => {
  const written = fields(sealedFields('text/event-stream', head))
  expect(readAnnounced(written)).toEqual({ sealed: true, contentType: 'text/event-stream', head })
  expect([announcesStream(written), announcesStream(fields(sealedFields('a/b')))]).toEqual([true, false])
})

it('a Content-Envelope with a salt or a commitment that is not one is refused', () => {
  const salt = `:${Buffer.alloc(24).toString('base64')}:`
  const commitment = `:${Buffer.alloc(32).toString('base64')}:`
  const read = (params: string) =>
    readAnnounced(fields({ 'content-type': SEALED_TYPE, 'content-envelope': `sve1;ct="a/b"${params}` }))
  expect(read(`;salt=${salt};cmt=${commitment}`).head).toBeDefined()
  for (const params of [
    `;salt=${salt}`,
    `;cmt=${commitment}`,
    `;salt=${commitment};cmt=${commitment}`,
    `;salt=${salt};cmt=${salt}`,
    `;salt="x";cmt=${commitment}`,
    `;salt=${salt};cmt`,
    `;salt=::;cmt=::`,
  ])
    expect(() => read(params), params).toThrow(refused)
})

const proofOf = (tag: string) => {
  const input = `a=("@method" "content-envelope");created=1;expires=2;nonce="n";tag="${tag}";wimse-aud="me"`
  const found = readProof(new Fields(['Signature-Input', input, 'Signature', 'a=:AAAA:']), 'request')
  if (found === undefined) throw new Error('no proof')
  return found
}

it('a message that names its envelope without the tag of a stream, or the other way round, is refused', () => {
  const streamed = fields(sealedFields('a/b', head))
  const whole = fields(sealedFields('a/b'))
  const check = (of: Fields, tag: string) => () => checkStreamed(readAnnounced(of), proofOf(tag), of)
  expect(check(streamed, 'countersign-stream')).not.toThrow()
  expect(check(whole, 'wimse-workload-to-workload')).not.toThrow()
  expect(check(streamed, 'wimse-workload-to-workload')).toThrow(refused)
  expect(check(whole, 'countersign-stream')).toThrow(refused)
  expect(check(fields({}), 'countersign-stream')).toThrow(refused)
})

it('a message that streams and has a content digest is refused', () => {
  const both = fields({ ...sealedFields('a/b', head), 'content-digest': 'sha-256=:AAAA:' })
  expect(() => checkStreamed(readAnnounced(both), proofOf('countersign-stream'), both)).toThrow(refused)
})
