import { createCipheriv, createHash, createHmac, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hex } from '../../src/core/bytes.ts'
import { createKeyring, type Keyring } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { sealWith } from '../../src/envelope/seal.ts'
import { bytesOf, fixedEntropy, isSame, pattern } from './fixtures.ts'

interface Vector {
  label: string
  recipient_types: (1 | 2)[]
  plaintext_len: number
  suite: 1 | 3
  envelope_len: number
  envelope_sha256: string
  envelope?: string
}

const file = new URL('../vectors/envelope.json', import.meta.url)
const { inputs, vectors } = JSON.parse(readFileSync(file, 'utf8'))
const CHUNK_BYTES = { 1: 16_384, 3: 262_144 }

const hmac = (key: Uint8Array, ...data: Uint8Array[]) => {
  const mac = createHmac('sha256', key)
  for (const piece of data) mac.update(piece)
  return mac.digest()
}
const field = (text: string, lengthBytes: 1 | 2) => {
  const bytes = Buffer.from(text)
  return Buffer.concat([lengthBytes === 1 ? Buffer.of(bytes.length) : Buffer.of(0, bytes.length), bytes])
}

function seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad = Buffer.alloc(0)): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function recipientOf(type: 1 | 2, dataKey: Uint8Array): Buffer {
  const { kek, service } = inputs
  if (type === 2) {
    const body = Buffer.concat([field(service.kid, 1), bytesOf(service.wrapped)])
    return Buffer.concat([Buffer.of(2, 0, body.length), body])
  }
  const info = Buffer.concat([Buffer.from('sve1/kek\0'), field(kek.kid, 1)])
  const wrapKey = Buffer.from(hkdfSync('sha256', bytesOf(kek.key), bytesOf(kek.wrap_salt), info, 32))
  const wrapped = seal(wrapKey, Buffer.alloc(12), dataKey, info)
  const body = Buffer.concat([field(kek.kid, 1), bytesOf(kek.wrap_salt), wrapped])
  return Buffer.concat([Buffer.of(1, 0, body.length), body])
}

/** SVE1 §10 with nothing but node:crypto. */
function byHand({ recipient_types: types, plaintext_len: length, suite }: Vector): Buffer {
  const [dataKey, salt] = [bytesOf(inputs.data_key), bytesOf(inputs.salt)]
  const pairs = Object.entries(inputs.context as Record<string, string>).sort(([a], [b]) => (a < b ? -1 : 1))
  const context = Buffer.concat([Buffer.of(0, pairs.length), ...pairs.flat().map((text) => field(text, 2))])
  const start = Buffer.concat([Buffer.from('SVE1'), Buffer.of(suite, 0)])
  const label = Buffer.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0')
  const info = Buffer.concat([label, salt, start, Buffer.of(0, 0, 0, context.length), context])
  const one = hmac(dataKey, info, Buffer.of(1))
  const two = hmac(dataKey, one, info, Buffer.of(2))
  const keys = Buffer.concat([one, two, hmac(dataKey, two, info, Buffer.of(3))])
  const recipients = types.map((type) => recipientOf(type, dataKey))
  const head = Buffer.concat([start, Buffer.of(0, types.length), ...recipients, salt, keys.subarray(44, 76)])
  const mac = hmac(hmac(dataKey, Buffer.from('sve1/header-mac'), Buffer.of(1)), head)
  const chunks: Buffer[] = []
  for (let index = 0; index <= Math.floor(length / CHUNK_BYTES[suite]); index++) {
    const nonce = Buffer.from(keys.subarray(32, 44))
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ index) >>> 0, 8)
    const at = index * CHUNK_BYTES[suite]
    chunks.push(seal(keys.subarray(0, 32), nonce, pattern(length).subarray(at, at + CHUNK_BYTES[suite])))
  }
  return Buffer.concat([head, mac, ...chunks])
}

function ringsOf(): Record<1 | 2, Keyring> {
  const { kek, service, data_key: dataKey } = inputs
  const given = { wrap: async () => bytesOf(service.wrapped), unwrap: async () => bytesOf(dataKey) }
  return {
    1: createKeyring({ primary: kek.kid, keys: { [kek.kid]: bytesOf(kek.key) } }),
    2: createKeyring({ primary: service.kid, keys: { [service.kid]: given } }),
  }
}

/** The test values of `docs/wire-format.md`, on whichever primitives `#crypto` is. */
export function ownVectors(name: string): void {
  describe(`test values of envelopes on ${name}`, () => {
    it.each(vectors as Vector[])('are what comes out: $label', async (vector) => {
      const rings = ringsOf()
      const to = vector.recipient_types.map((type) => rings[type])
      const entropy = fixedEntropy({
        dataKey: bytesOf(inputs.data_key),
        salt: bytesOf(inputs.salt),
        wrapSalt: bytesOf(inputs.kek.wrap_salt),
      })
      const plaintext = pattern(vector.plaintext_len)
      const envelope = await sealWith(entropy, plaintext, { to, context: inputs.context })
      expect(isSame(envelope, byHand(vector))).toBe(true)
      expect(envelope.length).toBe(vector.envelope_len)
      expect(createHash('sha256').update(envelope).digest('hex')).toBe(vector.envelope_sha256)
      if (vector.envelope !== undefined) expect(hex(envelope)).toBe(vector.envelope)
      for (const ring of to) {
        expect(isSame(await open(envelope, { with: ring, context: inputs.context }), plaintext)).toBe(true)
      }
    })
  })
}
