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

  it('a file is not read piece by piece where there is no disk', () => {
    expect(refusal(() => platform.readPieces('dump.sql')).code).toBe('no-disk')
  })

  it('a file is not written where there is no disk', async () => {
    const error = await refusalOf(() => platform.writeWhole('dump.sve1', () => Promise.resolve()))
    expect(error.code).toBe('no-disk')
    expect(error.message).toContain('dump.sve1')
  })

  it('a certificate is not verified where the runtime cannot', () => {
    const { code, message } = refusal(() => platform.certificates())
    expect(code).toBe('no-certificates')
    expect(message).toContain('clientCertificate')
  })

  it('has no async context, and a clock that does not go back', () => {
    expect(platform.createContext()).toBeUndefined()
    const first = platform.monotonicMs()
    expect(platform.monotonicMs()).toBeGreaterThanOrEqual(first)
  })
})
