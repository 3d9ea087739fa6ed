import { createCipheriv, createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { concat, fromUtf8, hex, utf8 } from '../../src/core/bytes.ts'
import type { Curve } from '../../src/crypto/suites.ts'
import { nonceAt, openChunks, sealChunks, sealedLength } from '../../src/envelope/chunks.ts'
import { type EnvelopeContext, encodeContext } from '../../src/envelope/context.ts'
import { chunkedKeys, contentKeys, expand, extract, headerMac } from '../../src/envelope/derive.ts'
import { hpkeOpen, hpkeSeal, hpkeSuite, keySchedule, sharedSecret } from '../../src/envelope/hpke.ts'
import { inspect } from '../../src/envelope/inspect.ts'
import { kekRecipient } from '../../src/envelope/kek.ts'
import { createKeyring, type Keyring } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { openStream } from '../../src/envelope/open-stream.ts'
import { recipient } from '../../src/envelope/recipients.ts'
import { sealWith } from '../../src/envelope/seal.ts'
import { EnvelopeSealer } from '../../src/envelope/seal-stream.ts'
import { CHUNKED } from '../../src/envelope/suite.ts'
import { vectorFile, vectorIt } from '../vectors/load.ts'
import { bytesOf, failureOf, fixedEntropy, headOf, jwkOf, passed, pattern, publicOf } from './fixtures.ts'

interface HpkeInput {
  kid: string
  skR: string
  pkR: string
  skE: string
  pkE: string
  recipient_body: string
}

interface EnvelopeVector {
  label: string
  plaintext_utf8_or_rule: string
  plaintext_len: number
  recipient_types: number[]
  envelope_len: number
  envelope_sha256: string
  envelope?: string
  header_len: number
  header_mac: string
  header_mac_key: string
  commitment: string
  content_key: string
  base_nonce: string
  encoded_context: string
}

interface HpkeVector {
  source: string
  kem_id: number
  aead_id: number
  info?: string
  setup?: Record<string, string>
  encryptions?: { sequence_number: string; pt: string; aad: string; ct: string }[]
  seq0?: { pt: string; aad: string; ct: string }
}

interface ChunkedVector {
  name: string
  input_key: string
  salt: string
  context_ascii: string
  plaintext_len: number
  chunks: number
  derived_key: string
  base_nonce: string
  commitment: string
  ciphertext_len: number
  ciphertext_sha256: string
  ciphertext?: string
}

interface Vectors {
  sve1: {
    inputs: {
      dek: string
      salt: string
      kek: { kid: string; key: string; wrap_salt: string; recipient_body: string }
      hpke_p256: HpkeInput
      hpke_x25519: HpkeInput
      context: EnvelopeContext
    }
    vectors: EnvelopeVector[]
    negative_envelopes: { label: string; envelope: string; expect: string }[]
    context_negative: { expect: string }
    record_mode: {
      vectors: { label: string; records_plaintext_utf8: string[]; envelope: string }[]
      negative: { label: string; envelope: string; expect: string }[]
    }
  }
  hpke: HpkeVector[]
  c2sp_chunked: ChunkedVector[]
  gcm_key_collision: {
    key1: string
    key2: string
    nonce: string
    ciphertext_and_tag: string
    plaintext_under_key1: string
    plaintext_under_key2: string
  }
}

interface HkdfFile {
  testGroups: {
    tests: { tcId: number; ikm: string; salt: string; info: string; size: number; okm: string; result: string }[]
  }[]
}

const loaded = vectorFile('envelope-vectors.json') as Vectors
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const CURVES: Readonly<Record<number, Curve>> = { 16: 'P-256', 32: 'X25519' }

function keyringFor({ kek, hpke_p256: p256, hpke_x25519: x25519 }: Vectors['sve1']['inputs'], kids: string[]): Keyring {
  const all = {
    [kek.kid]: bytesOf(kek.key),
    [p256.kid]: jwkOf('P-256', p256.skR, p256.pkR),
    [x25519.kid]: jwkOf('X25519', x25519.skR, x25519.pkR),
  }
  const keys = Object.fromEntries(Object.entries(all).filter(([kid]) => kids.includes(kid)))
  return createKeyring({ primary: kids[0] as string, keys })
}

function entropyOf({ dek, salt, kek, hpke_p256: p256, hpke_x25519: x25519 }: Vectors['sve1']['inputs']) {
  return fixedEntropy({
    dataKey: bytesOf(dek),
    salt: bytesOf(salt),
    wrapSalt: bytesOf(kek.wrap_salt),
    ephemerals: {
      'P-256': { jwk: jwkOf('P-256', p256.skE, p256.pkE), point: bytesOf(p256.pkE) },
      X25519: { jwk: jwkOf('X25519', x25519.skE, x25519.pkE), point: bytesOf(x25519.pkE) },
    },
  })
}

function envelopeCases(): void {
  const { inputs, vectors } = loaded.sve1
  const { kek, hpke_p256: p256, hpke_x25519: x25519, context } = inputs
  const plaintextOf = (vector: EnvelopeVector) =>
    vector.plaintext_utf8_or_rule.startsWith('byte i')
      ? pattern(vector.plaintext_len)
      : utf8(vector.plaintext_utf8_or_rule)
  const kidOf: Readonly<Record<number, string>> = { 1: kek.kid, 16: p256.kid, 17: x25519.kid }

  it.each(vectors)('seals "$label" to the very bytes', async (vector) => {
    const to = vector.recipient_types.map((type) => {
      if (type === 1) return keyringFor(inputs, [kek.kid])
      const { kid, skR, pkR } = type === 16 ? p256 : x25519
      return recipient({ ...publicOf(jwkOf(type === 16 ? 'P-256' : 'X25519', skR, pkR)), kid })
    })
    const envelope = await sealWith(entropyOf(inputs), plaintextOf(vector), { to, context })
    expect(envelope.length).toBe(vector.envelope_len)
    expect(sha256(envelope)).toBe(vector.envelope_sha256)
    if (vector.envelope !== undefined) expect(hex(envelope)).toBe(vector.envelope)
    expect(hex(envelope.subarray(vector.header_len - 32, vector.header_len))).toBe(vector.header_mac)
    expect(inspect(envelope)).toEqual({
      suite: 1,
      kids: vector.recipient_types.map((type) => ({ type, kid: kidOf[type] })),
      headerBytes: vector.header_len,
      chunks: Math.floor(vector.plaintext_len / 16384) + 1,
    })
    for (const type of vector.recipient_types) {
      const opened = await open(envelope, { with: keyringFor(inputs, [kidOf[type] as string]), context })
      expect(sha256(opened)).toBe(sha256(plaintextOf(vector)))
    }
  })

  it.each(vectors)('derives the keys of "$label"', async (vector) => {
    const dataKey = await primitives.macKey(bytesOf(inputs.dek))
    const encoded = encodeContext(context)
    expect(encoded && hex(encoded)).toBe(vector.encoded_context)
    expect(hex(await expand(dataKey, utf8('sve1/header-mac'), 32))).toBe(vector.header_mac_key)
    const keys = await contentKeys(dataKey, {
      suite: CHUNKED,
      salt: bytesOf(inputs.salt),
      context: bytesOf(vector.encoded_context),
    })
    expect(hex(keys.key)).toBe(vector.content_key)
    expect(hex(keys.baseNonce)).toBe(vector.base_nonce)
    expect(hex(keys.commitment)).toBe(vector.commitment)
  })
}

function refusedCases(): void {
  const { inputs, vectors, negative_envelopes: negatives, context_negative: otherContext } = loaded.sve1
  const ring = () => keyringFor(inputs, [inputs.kek.kid, inputs.hpke_p256.kid, inputs.hpke_x25519.kid])

  it.each(negatives)('refuses "$label" with $expect', async ({ envelope, expect: step }) => {
    const failure = await failureOf(() => open(bytesOf(envelope), { with: ring(), context: inputs.context }))
    expect(failure).toEqual({ code: 'unopened', step })
  })

  it('refuses another context at the commitment', async () => {
    const envelope = bytesOf(vectors[0]?.envelope as string)
    const context = { ...inputs.context, dir: 'res' }
    const failure = await failureOf(() => open(envelope, { with: ring(), context }))
    expect(failure).toEqual({ code: 'unopened', step: otherContext.expect })
  })
}

/** What the vectors say in words of their own. */
const STEPS: Readonly<Record<string, string>> = {
  'record tag': 'chunk-auth',
  'trailing data': 'trailing',
  'record length': 'malformed',
}

function recordCases(): void {
  const { inputs, record_mode: mode } = loaded.sve1
  const { context } = inputs
  const ring = () => keyringFor(inputs, [inputs.kek.kid])

  it.each(mode.vectors)(
    'opens "$label", whole and byte by byte',
    async ({ records_plaintext_utf8: records, envelope }) => {
      const bytes = bytesOf(envelope)
      const opened = await open(bytes, { with: ring(), context })
      expect(fromUtf8(opened)).toBe(records.join(''))
      const given = await passed(
        openStream({ with: ring(), context }),
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      )
      expect(given.pieces.map(fromUtf8)).toEqual(records.filter((record) => record !== ''))
      expect(given.failure).toBeUndefined()
    },
  )

  it('seals records that end with an empty one to the very bytes', async () => {
    for (const { records_plaintext_utf8: records, envelope } of mode.vectors) {
      if (records.at(-1) !== '') continue
      const sealer = new EnvelopeSealer({ to: ring(), context, records: true }, entropyOf(inputs))
      const pieces: Uint8Array[] = []
      const put = (piece: Uint8Array) => pieces.push(piece)
      await sealer.start(put)
      for (const record of records) await sealer.push(utf8(record), put)
      await sealer.end(put)
      expect(hex(concat(...pieces))).toBe(envelope)
    }
  })

  it.each(mode.negative)('refuses records: $label', async ({ envelope, expect: expected }) => {
    const step = STEPS[expected] ?? expected
    const bytes = bytesOf(envelope)
    expect(await failureOf(() => open(bytes, { with: ring(), context }))).toEqual({ code: 'unopened', step })
    const { failure } = await passed(openStream({ with: ring(), context }), [bytes])
    expect(failure).toEqual({ code: 'unopened', step })
  })
}

function hpkeKeysOf(vector: HpkeVector) {
  const field = (name: string, setupName: string) =>
    String(vector.setup?.[setupName] ?? (vector as unknown as Record<string, string>)[name])
  const curve = CURVES[vector.kem_id] as Curve
  return {
    curve,
    info: bytesOf(field('info', 'info')),
    enc: bytesOf(field('enc', 'enc')),
    point: bytesOf(field('pkRm', 'pkRm')),
    ephemeral: jwkOf(curve, field('skEm', 'skEm'), field('pkEm', 'pkEm')),
    recipient: jwkOf(curve, field('skRm', 'skRm'), field('pkRm', 'pkRm')),
    shared: field('shared_secret', 'shared_secret'),
    key: field('key', 'key'),
    baseNonce: field('base_nonce', 'base_nonce'),
  }
}

function hpkeCases(): void {
  it.each(loaded.hpke)('derives HPKE keys: kem $kem_id aead $aead_id', async (vector) => {
    const keys = hpkeKeysOf(vector)
    const suite = hpkeSuite(keys.curve, { id: vector.aead_id, keyBytes: vector.aead_id === 1 ? 16 : 32 })
    const points = concat(keys.enc, keys.point)
    const fromSender = await primitives.agree(await primitives.agreementKey(keys.curve, keys.ephemeral), keys.point)
    const fromReceiver = await primitives.agree(await primitives.agreementKey(keys.curve, keys.recipient), keys.enc)
    expect(fromReceiver).toEqual(fromSender)
    const shared = await sharedSecret(suite, fromSender as Uint8Array, points)
    expect(hex(shared)).toBe(keys.shared)
    const { key, baseNonce } = await keySchedule(suite, shared, keys.info)
    expect(hex(key)).toBe(keys.key)
    expect(hex(baseNonce)).toBe(keys.baseNonce)
    for (const { sequence_number: index, pt, aad, ct } of vector.encryptions ?? []) {
      const cipher = createCipheriv('aes-128-gcm', key, nonceAt(baseNonce, Number(index)))
      cipher.setAAD(bytesOf(aad))
      expect(hex(concat(cipher.update(bytesOf(pt)), cipher.final(), cipher.getAuthTag()))).toBe(ct)
    }
  })

  const whole = loaded.hpke.filter(({ seq0 }) => seq0 !== undefined)
  it.each(whole)('seals and opens by HPKE: kem $kem_id aead $aead_id', async (vector) => {
    const keys = hpkeKeysOf(vector)
    const { pt, aad, ct } = vector.seq0 as { pt: string; aad: string; ct: string }
    const suite = hpkeSuite(keys.curve, { id: 2, keyBytes: 32 })
    const ephemeral = { key: await primitives.agreementKey(keys.curve, keys.ephemeral), point: keys.enc }
    const message = { info: keys.info, aad: bytesOf(aad), payload: bytesOf(pt) }
    const sealed = await hpkeSeal(suite, { ephemeral, recipient: keys.point }, message)
    expect(sealed && hex(sealed)).toBe(ct)
    const receiver = {
      agreed: await primitives.agree(await primitives.agreementKey(keys.curve, keys.recipient), keys.enc),
      recipient: keys.point,
      ephemeral: keys.enc,
    }
    const opened = await hpkeOpen(suite, receiver, { ...message, payload: bytesOf(ct) })
    expect(opened && hex(opened)).toBe(pt)
  })
}

function chunkedCases(): void {
  const ours = loaded.c2sp_chunked.filter(({ name }) => name.startsWith('SHA-256 + AEAD_AES_256_GCM'))
  it.each(ours)('seals and opens a C2SP body of $plaintext_len bytes', async (vector) => {
    const dataKey = await primitives.macKey(bytesOf(vector.input_key))
    const salt = bytesOf(vector.salt)
    const keys = await chunkedKeys(dataKey, salt, utf8(vector.context_ascii))
    expect(hex(keys.key)).toBe(vector.derived_key)
    expect(hex(keys.baseNonce)).toBe(vector.base_nonce)
    expect(hex(keys.commitment)).toBe(vector.commitment)
    const bodyKey = { key: await primitives.aeadKey(keys.key), baseNonce: keys.baseNonce, suite: CHUNKED }
    const plaintext = pattern(vector.plaintext_len)
    const body = new Uint8Array(sealedLength(plaintext.length, 16_384))
    await sealChunks(bodyKey, plaintext, body)
    const ciphertext = concat(salt, keys.commitment, body)
    expect(ciphertext.length).toBe(vector.ciphertext_len)
    expect(sha256(ciphertext)).toBe(vector.ciphertext_sha256)
    if (vector.ciphertext !== undefined) expect(hex(ciphertext)).toBe(vector.ciphertext)
    expect(await openChunks(bodyKey, body, plaintext.length)).toEqual(plaintext)
  })
}

function collisionCase(): void {
  // The chunk alone opens under both keys. In an envelope each reader is handed a data key of its own, with a wrapping
  // and a header MAC that hold for it: the one commitment fits one of them. (The content keys of this envelope are not
  // the colliding ones: nobody can choose what HKDF gives, which is the point.)
  it('refuses a ciphertext that is valid under two keys at the commitment', async () => {
    const { key1, key2, nonce, ciphertext_and_tag: chunk, ...plaintexts } = loaded.gcm_key_collision
    for (const [key, plaintext] of [
      [key1, plaintexts.plaintext_under_key1],
      [key2, plaintexts.plaintext_under_key2],
    ] as const) {
      const bodyKey = { key: await primitives.aeadKey(bytesOf(key)), baseNonce: bytesOf(nonce), suite: CHUNKED }
      expect(hex(await openChunks(bodyKey, bytesOf(chunk), 32))).toBe(plaintext)
    }
    const keks = { one: bytesOf(key1), two: bytesOf(key2) }
    const dataKeys = { one: bytesOf('a1'.repeat(32)), two: bytesOf('b2'.repeat(32)) }
    const salt = new Uint8Array(24)
    for (const committed of ['one', 'two'] as const) {
      const { commitment } = await contentKeys(await primitives.macKey(dataKeys[committed]), {
        suite: CHUNKED,
        salt,
        context: Uint8Array.of(0, 0),
      })
      for (const reader of ['one', 'two'] as const) {
        const wrapper = kekRecipient(reader, keks[reader])
        const body = await wrapper.wrap(dataKeys[reader], fixedEntropy({}))
        const recipients = [{ typeId: 1, kidField: wrapper.kidField, body }]
        const head = headOf({ suite: CHUNKED, recipients, salt, commitment })
        const mac = await headerMac(await primitives.macKey(dataKeys[reader]), head)
        const ring = createKeyring({ primary: reader, keys: { [reader]: keks[reader] } })
        const failure = await failureOf(() => open(concat(head, mac, bytesOf(chunk)), { with: ring }))
        expect(failure).toEqual({ code: 'unopened', step: reader === committed ? 'chunk-auth' : 'commitment' })
      }
    }
  })
}

async function hkdfCases(): Promise<void> {
  const file = vectorFile('wycheproof/hkdf_sha256.json') as HkdfFile
  for (const { tests } of file.testGroups) {
    for (const { tcId, ikm, salt, info, size, okm, result } of tests) {
      const prk = await primitives.macKey(await extract(bytesOf(salt), bytesOf(ikm)))
      const derived = (async () => expand(prk, bytesOf(info), size))().then(hex, ({ code }) => code)
      expect(await derived, `case ${tcId}`).toBe(result === 'invalid' ? 'key-invalid' : okm)
    }
  }
}

/** All published cases, on whichever primitives `#crypto` is. */
export function envelopeVectors(name: string): void {
  describe(`envelope vectors on ${name}`, () => {
    vectorIt(`runs on ${name}`, () => expect(primitives.name).toBe(name))
    if (loaded === undefined) return
    describe('SVE1', envelopeCases)
    describe('SVE1 refused', refusedCases)
    describe('SVE1 record mode', recordCases)
    describe('HPKE', hpkeCases)
    describe('C2SP chunked encryption', chunkedCases)
    describe('key commitment', collisionCase)
    it('passes Wycheproof HKDF-SHA-256', hkdfCases)
  })
}
