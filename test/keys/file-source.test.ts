import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { fileSource } from '../../src/keys/file-source.ts'
import { platform as node } from '../../src/platform/node.ts'
import { refusal, refusalOf } from '../core/refusal.ts'

describe('fileSource', () => {
  it('a file that cannot be read is refused', async () => {
    const path = join('no', 'such', 'file')
    const error = await refusalOf(() => fileSource(path, (text) => text).load())
    expect([error.code, error.detail.option, error.detail.fix]).toEqual([
      'option-invalid',
      path,
      'it cannot be read (ENOENT: there is no such file or folder)',
    ])
    expect((await refusalOf(() => fileSource(path, (text) => text, 'policy-invalid').load())).code).toBe(
      'policy-invalid',
    )
  })

  it('names the file in what the parser says', async () => {
    const parse = () => {
      throw new CountersignError('trust-invalid', { detail: { option: 'a.b', fix: 'do', step: 's' } })
    }
    const error = await refusalOf(() => fileSource('package.json', parse).load())
    expect(error.detail).toEqual({ option: 'package.json a.b', fix: 'do', step: 's' })
    const bare = () => {
      throw new CountersignError('trust-invalid')
    }
    expect((await refusalOf(() => fileSource('package.json', bare).load())).detail).toEqual({ option: 'package.json' })
  })

  it('gives what the parser makes of the text', async () => {
    expect(await fileSource('package.json', (text) => JSON.parse(text).name).load()).toBe('countersign')
    expect(await node.readText('package.json')).toContain('countersign')
  })
})

describe('fileSource without a disk', () => {
  afterEach(() => {
    vi.doUnmock('#platform')
    vi.resetModules()
  })

  it('says so', async () => {
    vi.resetModules()
    vi.doMock('#platform', () => import('../../src/platform/web.ts'))
    const { fileSource: withoutDisk } = await import('../../src/keys/file-source.ts')
    const source = withoutDisk('keys.json', (text) => text, 'trust-invalid')
    expect((await refusalOf(() => source.load())).code).toBe('no-disk')
    expect(refusal(() => source.watch?.(() => {})).code).toBe('no-disk')
  })
})
