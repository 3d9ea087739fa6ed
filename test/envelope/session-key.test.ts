import { createHmac } from 'node:crypto'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { primitives } from '#crypto'
import { hex } from '../../src/core/bytes.ts'
import { inspect } from '../../src/envelope/inspect.ts'
import { type Keyring, sessionKeyring } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { seal, sealWith } from '../../src/envelope/seal.ts'
import { sessionKey } from '../../src/envelope/session-key.ts'
import { createKeyring, recipient } from '../../src/envelope.ts'
import { bytesOf, failureOf, fixedEntropy, freshJwk, pattern, publicOf } from './fixtures.ts'

const ID = 'AAECAwQFBgcICQoLDA0ODw'
const OTHER_ID = 'AAECAwQFBgcICQoLDA0ODg'
const context = { dir: 'req', method: 'POST', 'sig-nonce': `${ID}.1` }
const clientKey = pattern(32)
const serverKey = pattern(40).subarray(8)

const ringOf = async (key: Uint8Array<ArrayBuffer>, id = ID) => sessionKeyring(id, await primitives.macKey(key))
const client = await ringOf(clientKey)
const server = await ringOf(serverKey)

const opened = (envelope: Uint8Array, ring: Keyring, under: Record<string, string> = context) =>
  failureOf(() => open(envelope, { with: ring, context: under }))

/** Where the parts of a header lie: start, type and length, key id after its length, salt, commitment, MAC. */
const KID_AT = 8 + 3 + 1
const SALT_AT = KID_AT + ID.length
const changedAt = (envelope: Uint8Array, at: number) =>
  envelope.map((byte, i) => (i === at ? byte ^ 1 : byte)) as Uint8Array<ArrayBuffer>

describe('an envelope under a session', () => {
  it('is opened by the other end, whatever its length', async () => {
    for (const length of [0, 1, 16_384, 40_000]) {
      const envelope = await seal(pattern(length), { to: client, context })
      expect(await open(envelope, { with: await ringOf(clientKey), context })).toEqual(pattern(length))
    }
  })

  it('names the session and carries nothing but that', async () => {
    const envelope = await seal(pattern(5), { to: client, context })
    expect(inspect(envelope)).toEqual({ suite: 1, kids: [{ type: 3, kid: ID }], headerBytes: 122, chunks: 1 })
    expect(hex(envelope.subarray(8, KID_AT))).toBe('03001716')
    expect(SALT_AT + 24 + 32 + 32).toBe(122)
  })

  it('has a data key of its own for each salt, by HMAC under the key of the session', async () => {
    const made = sessionKey(ID, await primitives.macKey(clientKey))
    for (const salt of [new Uint8Array(24), pattern(24)]) {
      const expected = createHmac('sha256', clientKey).update('sve1/session').update(salt).digest()
      expect(hex((await made.derive?.(salt)) as Uint8Array)).toBe(expected.toString('hex'))
    }
    expect(await made.wrap(pattern(32), fixedEntropy({}))).toHaveLength(0)
    expect(await made.unwrap(pattern(48))).toBeUndefined()
  })

  it('uses none of the randomness that other envelopes take their data key from', async () => {
    const salt = pattern(24)
    const [a, b] = await Promise.all(
      [pattern(32), serverKey].map((dataKey) =>
        sealWith(fixedEntropy({ dataKey, salt }), pattern(5), { to: client, context }),
      ),
    )
    expect(a).toEqual(b)
    const [c, d] = await Promise.all([seal(pattern(5), { to: client }), seal(pattern(5), { to: client })])
    expect(hex(c.subarray(SALT_AT))).not.toBe(hex(d.subarray(SALT_AT)))
  })

  it('opens by the key of its direction and no other', async () => {
    const [there, back] = [
      await seal(pattern(9), { to: client, context }),
      await seal(pattern(9), { to: server, context }),
    ]
    expect(await opened(there, server)).toEqual({ code: 'unopened', step: 'header-mac' })
    expect(await opened(back, client)).toEqual({ code: 'unopened', step: 'header-mac' })
    expect(await opened(back, server)).toEqual({ code: 'none' })
  })

  it('does not open under another salt, for another session, or in another context', async () => {
    const envelope = await seal(pattern(9), { to: client, context })
    expect(await opened(changedAt(envelope, SALT_AT), client)).toEqual({ code: 'unopened', step: 'header-mac' })
    const renamed = changedAt(envelope, KID_AT + ID.length - 1)
    expect(await opened(renamed, client)).toEqual({ code: 'unopened', step: 'no-recipient' })
    const [entry] = inspect(renamed).kids
    // Even a session of that name with the very same key does not take it: the header is covered.
    const same = await ringOf(clientKey, entry?.kid ?? '')
    expect(await opened(renamed, same)).toEqual({ code: 'unopened', step: 'header-mac' })
    expect(await opened(envelope, await ringOf(clientKey, OTHER_ID))).toEqual({
      code: 'unopened',
      step: 'no-recipient',
    })
    for (const other of [{ ...context, dir: 'res' }, { ...context, 'sig-nonce': `${ID}.2` }, {}]) {
      expect(await opened(envelope, client, other)).toEqual({ code: 'unopened', step: 'commitment' })
    }
  })

  it('is refused where one bit of it was changed, wherever', async () => {
    const envelope = await seal(pattern(9), { to: client, context })
    for (let at = 0; at < envelope.length; at++) {
      expect((await opened(changedAt(envelope, at), client)).code, String(at)).toBe('unopened')
    }
  })

  it('is refused where its recipient has a body', async () => {
    const envelope = await seal(pattern(9), { to: client, context })
    const longer = new Uint8Array(envelope.length + 1)
    longer.set(envelope.subarray(0, SALT_AT))
    longer.set(envelope.subarray(SALT_AT), SALT_AT + 1)
    longer[10] = (longer[10] as number) + 1
    expect(await opened(longer, client)).toEqual({ code: 'unopened', step: 'malformed' })
  })

  it('is not opened by a symmetric key of that name, nor the other way round', async () => {
    const kek = createKeyring({ primary: ID, keys: { [ID]: clientKey } })
    expect(await opened(await seal(pattern(9), { to: client, context }), kek)).toMatchObject({ step: 'no-recipient' })
    expect(await opened(await seal(pattern(9), { to: kek, context }), client)).toMatchObject({ step: 'no-recipient' })
  })
})

it('sealing by the key of a session to anybody else besides is refused', async () => {
  const stranger = recipient({ ...publicOf(await freshJwk('X25519')), kid: 'stranger' })
  const kek = createKeyring({ primary: 'k', keys: { k: pattern(32) } })
  for (const to of [
    [client, stranger],
    [stranger, client],
    [kek, client],
    [client, server],
    [client, await ringOf(serverKey, OTHER_ID)],
  ]) {
    expect(await failureOf(() => seal(pattern(1), { to }))).toEqual({ code: 'option-invalid', option: 'to' })
  }
  expect(await failureOf(() => seal(pattern(1), { to: [client] }))).toEqual({ code: 'none' })
  expect(await failureOf(() => seal(pattern(1), { to: [kek, stranger] }))).toEqual({ code: 'none' })
})

it('a keyring of a session shows its name and nothing else when printed', () => {
  expect(JSON.stringify(client)).toBe(`{"kid":"${ID}","kids":["${ID}"]}`)
})

describe('on WebCrypto', async () => {
  vi.resetModules()
  vi.doMock('#crypto', () => import('../../src/crypto/web.ts'))
  const web = {
    ...(await import('../../src/envelope/seal.ts')),
    ...(await import('../../src/envelope/open.ts')),
    ...(await import('../../src/envelope/keyring.ts')),
  }
  const { primitives: webPrimitives } = await import('#crypto')
  afterAll(() => {
    vi.doUnmock('#crypto')
    vi.resetModules()
  })

  it('gives the same bytes, and each opens what the other has sealed', async () => {
    expect([primitives.name, webPrimitives.name]).toEqual(['node', 'web'])
    const ring = web.sessionKeyring(ID, await webPrimitives.macKey(clientKey))
    for (const length of [0, 7, 20_000]) {
      const salt = pattern(24)
      const byNode = await sealWith(fixedEntropy({ salt }), pattern(length), { to: client, context })
      const byWeb = await web.sealWith(fixedEntropy({ salt }), pattern(length), { to: ring, context })
      expect(hex(byWeb)).toBe(hex(byNode))
      expect(await web.open(byNode, { with: ring, context })).toEqual(pattern(length))
      expect(await open(byWeb, { with: client, context })).toEqual(pattern(length))
    }
    const wrong = web.sessionKeyring(ID, await webPrimitives.macKey(bytesOf(hex(serverKey))))
    const sealed = await seal(pattern(3), { to: client, context })
    await expect(web.open(sealed, { with: wrong, context })).rejects.toMatchObject({ code: 'unopened' })
  })
})
