import { expect, it } from 'vitest'
import { systemReason } from '../../src/core/system.ts'

it('gives the code of the system, what it means where that is known, and nothing else', () => {
  const failure = (code: unknown) => Object.assign(new Error('MARKER'), { code })
  expect(systemReason(failure('ENOENT'))).toBe('ENOENT: there is no such file or folder')
  expect(systemReason(failure('EMFILE'))).toBe('EMFILE')
  expect(systemReason(failure('toString'))).toBe('toString')
  for (const other of [failure(1), new Error('MARKER'), { code: 'ENOENT' }, undefined])
    expect(systemReason(other)).toBeUndefined()
})
