import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createKeyring, inspect, open, seal } from '../../src/envelope.ts'
import { failureOf } from './fixtures.ts'

const keyring = createKeyring({ primary: 'k', keys: { k: new Uint8Array(32).fill(1) } })

describe('misuse', () => {
  it('what is sealed or opened but is not a Uint8Array is refused', async () => {
    for (const wrong of [undefined, null, 'text', [1, 2], new ArrayBuffer(8), new Uint16Array(8), {}]) {
      const bytes = wrong as unknown as Uint8Array
      expect(await failureOf(() => seal(bytes, { to: keyring }))).toEqual({ code: 'option-invalid', option: 'bytes' })
      const expected = { code: 'option-invalid', option: 'envelope' }
      expect(await failureOf(() => open(bytes, { with: keyring }))).toEqual(expected)
      expect(await failureOf(() => inspect(bytes))).toEqual(expected)
    }
  })

  it('takes bytes of another realm and Buffers', async () => {
    for (const bytes of [runInNewContext('new Uint8Array([1, 2])') as Uint8Array, Buffer.from([1, 2])]) {
      const envelope = await seal(bytes, { to: keyring })
      expect(await open(Buffer.from(envelope), { with: keyring })).toEqual(Uint8Array.of(1, 2))
    }
  })
})
