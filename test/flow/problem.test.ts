import { expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../../src/core/bytes.ts'
import { type Code, codes } from '../../src/core/codes.ts'
import { PROBLEM_TYPE, problemOf, readProblemKind } from '../../src/flow/problem.ts'

it('reads the kind of what it writes, and of nothing else', () => {
  const { body } = problemOf('encryption-required', '00000000-0000-4000-8000-000000000000')
  expect(readProblemKind(PROBLEM_TYPE, body)).toBe('encryption-required')
  expect(readProblemKind('application/json', body)).toBeUndefined()
  expect(readProblemKind(undefined, body)).toBeUndefined()
  expect(readProblemKind(PROBLEM_TYPE, undefined)).toBeUndefined()
  const texts = ['', 'null', '1', '[]', '{}', '{"type":1}', '{"type":"about:blank"}', '{"type":"encryption-required"}']
  for (const text of texts) expect(readProblemKind(PROBLEM_TYPE, utf8(text)), text).toBeUndefined()
  const long = `{"type":"urn:countersign:problem:limited","x":"${'x'.repeat(1024)}"}`
  expect(readProblemKind(PROBLEM_TYPE, utf8(long))).toBeUndefined()
})

it('says of a session that is not known just that, and of what is limited when to come again', () => {
  const id = '00000000-0000-4000-8000-000000000000'
  const told = (code: Code) => {
    const { status, fields, body } = problemOf(code, id)
    return { status, retryAfter: fields.get('retry-after'), ...(JSON.parse(fromUtf8(body)) as Record<string, unknown>) }
  }
  expect(told('session-unknown')).toEqual({
    status: 400,
    retryAfter: undefined,
    type: 'urn:countersign:problem:session-unknown',
    title: 'Session unknown',
    instance: `urn:uuid:${id}`,
  })
  expect(told('session-limited')).toMatchObject({ status: 429, retryAfter: '60', title: 'Too many requests' })
  expect(told('session-malformed')).toMatchObject({ status: 400, type: 'urn:countersign:problem:malformed' })
  expect(told('request-malformed')).toMatchObject({ status: 400, title: 'Malformed request' })
  expect(told('body-too-large')).toMatchObject({
    status: 413,
    type: 'urn:countersign:problem:malformed',
    title: 'Content too large',
  })
})

it('has a title for every kind of problem', () => {
  for (const code of Object.keys(codes) as Code[]) {
    const { body } = problemOf(code, 'x')
    expect(JSON.parse(fromUtf8(body)), code).toMatchObject({ title: expect.stringMatching(/^[A-Z]/) })
  }
})
