import { describe, expect, it, vi } from 'vitest'
import { isSame, pattern } from './fixtures.ts'

/** A copy of the library whose buffers come with something in them. */
async function libraryWith(rest: number) {
  vi.resetModules()
  vi.doMock('#platform', async () => {
    const { platform } = await import('../../src/platform/node.ts')
    return { platform: { ...platform, room: (bytes: number) => new Uint8Array(bytes).fill(rest) } }
  })
  const { sealWith } = await import('../../src/envelope/seal.ts')
  const { createKeyring, open } = await import('../../src/envelope.ts')
  const { fixedEntropy } = await import('./fixtures.ts')
  const keyring = createKeyring({ primary: 'one', keys: { one: pattern(32) } })
  const entropy = () => fixedEntropy({ dataKey: pattern(33).subarray(1), salt: pattern(24), wrapSalt: pattern(24) })
  return {
    seal: async (plaintext: Uint8Array) => sealWith(entropy(), plaintext, { to: keyring, context: { id: '42' } }),
    open: (envelope: Uint8Array) => open(envelope, { with: keyring, context: { id: '42' } }),
  }
}

describe('room that was used before', async () => {
  const [zero, used] = [await libraryWith(0), await libraryWith(0xff)]

  it.each([0, 1, 16_384, 65_536, 262_144, 600_001])(
    'leaves no trace in an envelope of %i bytes, nor in what it opens to',
    async (length) => {
      const plaintext = pattern(length)
      const envelope = await used.seal(plaintext)
      expect(isSame(envelope, await zero.seal(plaintext))).toBe(true)
      expect(isSame(await used.open(envelope), plaintext)).toBe(true)
      expect(envelope.byteLength).toBe(envelope.buffer.byteLength)
    },
  )
})
