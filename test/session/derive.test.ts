import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { hex, utf8 } from '../../src/core/bytes.ts'
import type { MacKey } from '../../src/crypto/primitives.ts'
import { deriveSessionKeys, type HandshakeTranscript, type SessionKeys } from '../../src/session/derive.ts'

const transcript = (change: Partial<HandshakeTranscript> = {}): HandshakeTranscript => ({
  secret: new Uint8Array(32).fill(7),
  requestBase: utf8('"@method": POST'),
  answerBase: utf8('"@status": 200'),
  ...change,
})

/** A key cannot be looked at: what it makes of a message tells it. */
const macOf = async (key: MacKey) => hex(await primitives.mac(key, utf8('m')))
const macsOf = async ({ clientMac, serverMac, clientSeal, serverSeal }: SessionKeys) =>
  Promise.all([clientMac, serverMac, clientSeal, serverSeal].map(macOf))

describe('the keys of a session', () => {
  it('are what the HKDF of the runtime derives, one for each use and direction', async () => {
    const salt = createHash('sha256').update('"@method": POST').update('\0').update('"@status": 200').digest()
    const expected = ['client mac', 'server mac', 'client seal', 'server seal'].map((label) => {
      const key = hkdfSync('sha256', new Uint8Array(32).fill(7), salt, `countersign/session/v1 ${label}`, 32)
      return createHmac('sha256', new Uint8Array(key)).update('m').digest('hex')
    })
    expect(await macsOf(await deriveSessionKeys(transcript()))).toEqual(expected)
    expect(new Set(expected).size).toBe(4)
  })

  it('are others for another secret, and for other bytes of either signature', async () => {
    const changes: Partial<HandshakeTranscript>[] = [
      {},
      { secret: new Uint8Array(32).fill(8) },
      { requestBase: utf8('"@method": PUT') },
      { answerBase: utf8('"@status": 201') },
      { requestBase: utf8('"@status": 200'), answerBase: utf8('"@method": POST') },
      { requestBase: utf8('"@method": POST"@status": 200'), answerBase: utf8('') },
    ]
    const all = await Promise.all(changes.map(async (change) => macsOf(await deriveSessionKeys(transcript(change)))))
    expect(new Set(all.flat()).size).toBe(4 * changes.length)
  })

  it('leave nothing of the secret behind', async () => {
    const given = transcript()
    const keys = await deriveSessionKeys(given)
    expect(given.secret).toEqual(new Uint8Array(32))
    expect(Object.isFrozen(keys)).toBe(true)
  })
})
