import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/core/secret.ts'

describe('Secret', () => {
  it('shows itself as [secret] however it is printed', () => {
    const secret = new Secret('MARKER')
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true, depth: null }),
      inspect({ deep: { secret } }, { depth: null }),
      JSON.stringify(Object.entries(secret)),
      inspect({ ...secret }),
    ]
    for (const text of shown) expect(text).not.toContain('MARKER')
    expect(shown.slice(0, 3)).toEqual(['[secret]', '[secret]', '{"secret":"[secret]"}'])
  })

  it('gives the value to who asks for it by name', () => {
    expect(new Secret('MARKER').reveal()).toBe('MARKER')
  })
})
