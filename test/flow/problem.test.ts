import { expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
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
