import { describe, expect, it } from 'vitest'
import { platform } from '../../src/platform/web.ts'
import { refusal, refusalOf } from '../core/refusal.ts'

describe('a runtime without a disk', () => {
  it('a file is not read where there is no disk', async () => {
    const error = await refusalOf(() => platform.readText('keys.json'))
    expect(error.code).toBe('no-disk')
    expect(error.message).toContain('keys.json')
  })

  it('a file is not watched where there is no disk', () => {
    expect(refusal(() => platform.watchFile('keys.json', () => {})).code).toBe('no-disk')
  })

  it('has no async context, and a clock that does not go back', () => {
    expect(platform.createContext()).toBeUndefined()
    const first = platform.monotonicMs()
    expect(platform.monotonicMs()).toBeGreaterThanOrEqual(first)
  })
})
