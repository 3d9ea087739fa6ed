import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { main as database } from '../../examples/at-rest/database.ts'
import { main as files } from '../../examples/at-rest/files.ts'
import { awsKms } from '../../examples/key-services/aws-kms.ts'
import { googleKms } from '../../examples/key-services/google-kms.ts'
import { vaultTransit } from '../../examples/key-services/vault-transit.ts'
import { createKeyring, inspect, type KeyService, open, seal } from '../../src/envelope.ts'

// The examples name the package; here they run on the source that is tested.
vi.mock('countersign', () => import('../../src/index.ts'))
vi.mock('countersign/envelope', () => import('../../src/envelope.ts'))
vi.mock('countersign/node', () => import('../../src/node.ts'))

// What the SDK says of versions of Node to come is not about this test.
vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true')

const MINUTE_MS = 60_000

describe('the example with a database', () => {
  it('keeps what it says', { timeout: 2 * MINUTE_MS }, async () => {
    const lines: string[] = []
    const did = await database((line) => lines.push(line))

    expect(did.found).toEqual({ id: '1', email: 'Ada@example.com', card: '4929-0000-1111-2222' })
    expect(did.moved).toBe('unopened')
    expect(did.rows).toBe(2)
    expect(did.byNext).toEqual(did.found)
    expect(did.byOld).toBe('unopened')
    expect(did.tenant).toEqual({
      before: 'DE02120300000000202051',
      after: 'unopened',
      sealAgain: 'key-invalid',
      other: 'DE02120300000000202051',
      events: ['tenant-key.created acme', 'tenant-key.created globex', 'tenant-key.destroyed acme'],
    })
    // What is not sealed is found in the same bytes: they are those of the tables.
    expect(did.disk.includes('globex')).toBe(true)
    expect(did.inTheClear).toEqual([])
    expect(lines).toHaveLength(5)
  })
})

describe('the example with files', () => {
  it('keeps what it says', async () => {
    const lines: string[] = []
    const did = await files((line) => lines.push(line))

    expect(did.inTheClear).toBe(false)
    expect(did.isSame).toBe(true)
    expect(did.changed).toEqual({
      code: 'unopened',
      left: ['changed.sve1', 'dump.sql', 'dump.sve1', 'opened.sql'],
    })
    expect(did.range.text).toBe(did.expected)
    expect(did.range.bytesRead).toBeLessThan(did.range.size / 4)
    expect(existsSync(did.folder)).toBe(false)
    expect(lines).toHaveLength(4)
  })
})

interface Reply {
  readonly status: number
  readonly body: unknown
  readonly headers?: Record<string, string>
}

type Asked = Readonly<Record<string, unknown>>

/** What a service does: an answer of its own instead of the usual one, or none at all. */
type Mood = 'well' | 'silent' | Reply

/** The keys behind an imitation: authenticated data is bound as the services say that they do. */
class Keys {
  readonly #keys = new Map<string, Buffer>()

  #of(name: string): Buffer {
    const key = this.#keys.get(name) ?? randomBytes(32)
    this.#keys.set(name, key)
    return key
  }

  wrap(name: string, plaintext: Buffer, bound: string): Buffer {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', this.#of(name), nonce).setAAD(Buffer.from(bound))
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  }

  unwrap(name: string, wrapped: Buffer, bound: string): Buffer | undefined {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#of(name), wrapped.subarray(0, 12))
      decipher.setAAD(Buffer.from(bound)).setAuthTag(wrapped.subarray(-16))
      return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()])
    } catch {
      return undefined
    }
  }
}

const bytesOf = (base64: unknown) => Buffer.from(String(base64), 'base64')
const textOf = (bytes: Buffer) => bytes.toString('base64')

function awsReply(keys: Keys, req: IncomingMessage, asked: Asked): Reply {
  const headers = { 'content-type': 'application/x-amz-json-1.1' }
  const bound = JSON.stringify(asked.EncryptionContext)
  const KeyId = String(asked.KeyId)
  const common = { KeyId, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' }
  if (req.headers['x-amz-target'] === 'TrentService.Encrypt') {
    const name = Buffer.from(KeyId.padEnd(64))
    const blob = Buffer.concat([name, keys.wrap(KeyId, bytesOf(asked.Plaintext), bound)])
    return { status: 200, headers, body: { ...common, CiphertextBlob: textOf(blob) } }
  }
  if (req.headers['x-amz-target'] !== 'TrentService.Decrypt') return { status: 404, body: {} }
  const blob = bytesOf(asked.CiphertextBlob)
  const refused = (name: string) => ({ status: 400, headers, body: { __type: name, message: 'refused' } })
  // The blob names its key, so that the service knows when another one is asked for.
  if (blob.subarray(0, 64).toString().trim() !== KeyId) return refused('IncorrectKeyException')
  const plaintext = keys.unwrap(KeyId, blob.subarray(64), bound)
  if (plaintext === undefined) return refused('InvalidCiphertextException')
  return { status: 200, headers, body: { ...common, Plaintext: textOf(plaintext) } }
}

/** CRC-32C by a table: another way than that of the recipe. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})
const crc32c = (bytes: Buffer) => {
  const folded = bytes.reduce((crc, byte) => (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0), 0xffffffff)
  return String((folded ^ 0xffffffff) >>> 0)
}

const googleError = (status: string, message: string) => ({
  status: 400,
  body: { error: { code: 400, message, status } },
})

function googleReply(keys: Keys, req: IncomingMessage, asked: Asked): Reply {
  const [, name = '', verb] = /^\/v1\/(projects\/[^:]+):(encrypt|decrypt)$/.exec(req.url ?? '') ?? []
  if (req.headers.authorization !== 'Bearer token-of-test') return { status: 401, body: { error: { code: 401 } } }
  const input = verb === 'encrypt' ? 'plaintext' : 'ciphertext'
  for (const field of [input, 'additionalAuthenticatedData']) {
    if (asked[`${field}Crc32c`] !== crc32c(bytesOf(asked[field])))
      return googleError('INVALID_ARGUMENT', `The checksum in field ${field}_crc32c did not match.`)
  }
  const bound = String(asked.additionalAuthenticatedData)
  if (verb === 'encrypt') {
    const ciphertext = keys.wrap(name, bytesOf(asked.plaintext), bound)
    const verified = { verifiedPlaintextCrc32c: true, verifiedAdditionalAuthenticatedDataCrc32c: true }
    const body = { ciphertext: textOf(ciphertext), ciphertextCrc32c: crc32c(ciphertext), ...verified }
    return { status: 200, body: { name: `${name}/cryptoKeyVersions/1`, ...body } }
  }
  const plaintext = keys.unwrap(name, bytesOf(asked.ciphertext), bound)
  if (plaintext === undefined) return googleError('INVALID_ARGUMENT', 'Decryption failed: not by this key.')
  return { status: 200, body: { plaintext: textOf(plaintext), plaintextCrc32c: crc32c(plaintext), usedPrimary: true } }
}

function vaultReply(keys: Keys, req: IncomingMessage, asked: Asked): Reply {
  const [, verb, name = ''] = /^\/v1\/transit\/(encrypt|decrypt)\/([^/]+)$/.exec(req.url ?? '') ?? []
  if (req.headers['x-vault-token'] !== 'token-of-test') return { status: 403, body: { errors: ['permission denied'] } }
  const bound = `${asked.context} ${asked.associated_data}`
  if (verb === 'encrypt') {
    const ciphertext = `vault:v1:${textOf(keys.wrap(name, bytesOf(asked.plaintext), bound))}`
    return { status: 200, body: { request_id: '1', data: { ciphertext, key_version: 1 } } }
  }
  const [vault, version, rest] = String(asked.ciphertext).split(':')
  const plaintext = vault === 'vault' && version === 'v1' ? keys.unwrap(name, bytesOf(rest), bound) : undefined
  if (plaintext === undefined) return { status: 400, body: { errors: ['cipher: message authentication failed'] } }
  return { status: 200, body: { request_id: '2', data: { plaintext: textOf(plaintext) } } }
}

const google = (key: string) => `projects/p/locations/europe-west3/keyRings/r/cryptoKeys/${key}`
const token = async () => 'token-of-test'
const awsDown = { __type: 'KMSInternalException', message: 'internal' }

const services = [
  {
    title: 'AWS KMS',
    reply: awsReply,
    service: (baseUrl: string, key: string) =>
      awsKms(key, {
        region: 'eu-central-1',
        endpoint: baseUrl,
        credentials: { accessKeyId: 'id-of-test', secretAccessKey: 'not-a-secret' },
        maxAttempts: 1,
      }),
    outages: [
      { status: 500, body: awsDown },
      { status: 400, body: { __type: 'DisabledException', message: 'the key is disabled' } },
      { status: 400, body: { __type: 'AccessDeniedException', message: 'not allowed' } },
    ],
  },
  {
    title: 'Google Cloud KMS',
    reply: googleReply,
    service: (baseUrl: string, key: string) => googleKms({ key: google(key), token, baseUrl }),
    outages: [
      { status: 500, body: { error: { code: 500, status: 'INTERNAL' } } },
      { status: 400, body: 'from something in between' },
      { status: 403, body: { error: { code: 403, status: 'PERMISSION_DENIED' } } },
      googleError('FAILED_PRECONDITION', 'the version is not enabled'),
      googleError('INVALID_ARGUMENT', 'The checksum in field ciphertext_crc32c did not match.'),
      { status: 200, body: { plaintext: textOf(Buffer.alloc(32)), plaintextCrc32c: '1' } },
      // Sound, but the service did not verify what it was sent.
      { status: 200, body: { ciphertext: textOf(Buffer.alloc(60)), ciphertextCrc32c: crc32c(Buffer.alloc(60)) } },
    ],
  },
  {
    title: 'Vault transit',
    reply: vaultReply,
    service: (baseUrl: string, key: string) => vaultTransit({ key, token, baseUrl }),
    outages: [
      { status: 500, body: { errors: ['internal error'] } },
      { status: 503, body: { errors: ['Vault is sealed'] } },
      { status: 403, body: { errors: ['permission denied'] } },
      { status: 400, body: 'from something in between' },
    ],
  },
]

it('has a checksum that gives the check value of CRC-32C', () => {
  expect(Number(crc32c(Buffer.from('123456789')))).toBe(0xe3069283)
})

for (const { title, reply, service, outages } of services) {
  describe(`the recipe for ${title}, against an imitation`, () => {
    const context = { table: 'charges', id: '42' }
    const secret = Buffer.from('a secret')
    let server: Server
    let baseUrl: string
    let mood: Mood
    let asked: Asked[]

    beforeEach(async () => {
      const keys = new Keys()
      mood = 'well'
      asked = []
      server = createServer(async (req, res) => {
        const body = (await json(req)) as Asked
        asked.push(body)
        if (mood === 'silent') return
        const answer = mood === 'well' ? reply(keys, req, body) : mood
        res.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
        res.end(JSON.stringify(answer.body))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    afterEach(() => {
      server.closeAllConnections()
      server.close()
    })

    const ringOf = (key: KeyService, timeoutMs = 5000) =>
      createKeyring({ primary: 'kms/orders', keys: { 'kms/orders': key }, timeoutMs })
    const sealed = () => seal(secret, { to: ringOf(service(baseUrl, 'orders')), context })
    const opened = (envelope: Uint8Array, key = 'orders', timeoutMs = 5000) =>
      open(envelope, { with: ringOf(service(baseUrl, key), timeoutMs), context })
    const dataKey = Uint8Array.from(randomBytes(32))
    const signal = AbortSignal.timeout(MINUTE_MS)

    it('opens what was sealed by it', async () => {
      const envelope = await sealed()

      expect(inspect(envelope).kids).toEqual([{ type: 2, kid: 'kms/orders' }])
      expect(Buffer.from(await opened(envelope))).toEqual(secret)
      expect(asked).toHaveLength(2)
    })

    it('gives back the data key, and nothing under another id', async () => {
      const { wrap, unwrap } = service(baseUrl, 'orders')
      const wrapped = await wrap(dataKey, { kid: 'a', signal })

      expect(Uint8Array.from((await unwrap(wrapped, { kid: 'a', signal })) ?? [])).toEqual(dataKey)
      expect(await unwrap(wrapped, { kid: 'b', signal })).toBeUndefined()
    })

    it('is refused by another key', async () => {
      await expect(opened(await sealed(), 'another')).rejects.toMatchObject({ code: 'unopened' })
    })

    it('is refused where the wrapped key was changed', async () => {
      const { wrap, unwrap } = service(baseUrl, 'orders')
      const wrapped = Uint8Array.from(await wrap(dataKey, { kid: 'a', signal }))
      const middle = wrapped.length - 20
      wrapped[middle] = wrapped[middle] === 65 ? 66 : 65

      expect(await unwrap(wrapped, { kid: 'a', signal })).toBeUndefined()
    })

    for (const outage of outages) {
      it(`is down where it answers ${outage.status} ${JSON.stringify(outage.body).slice(0, 60)}`, async () => {
        const envelope = await sealed()
        mood = outage

        await expect(opened(envelope)).rejects.toMatchObject({ code: 'key-service-unavailable' })
        await expect(sealed()).rejects.toMatchObject({ code: 'key-service-unavailable' })
      })
    }

    it('is down where it does not answer, and lets go of the connection', async () => {
      const envelope = await sealed()
      mood = 'silent'
      const closed = new Promise<void>((resolve) => {
        server.on('request', (_, res) => res.on('close', resolve))
      })

      await expect(opened(envelope, 'orders', 200)).rejects.toMatchObject({ code: 'key-service-unavailable' })
      await closed
    })

    it('takes a data key to no other place than the service', async () => {
      let elsewhere = 0
      const other = createServer((_, res) => {
        elsewhere++
        res.end()
      })
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`
      mood = { status: 307, body: {}, headers: { location } }

      await expect(sealed()).rejects.toMatchObject({ code: 'key-service-unavailable' })
      expect(asked).toHaveLength(1)
      expect(elsewhere).toBe(0)
      other.closeAllConnections()
      other.close()
    })

    it('is down where nobody listens', async () => {
      const envelope = await sealed()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))

      await expect(opened(envelope)).rejects.toMatchObject({ code: 'key-service-unavailable' })
    })
  })
}
