import { createHash, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, type JsonWebKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { fromUtf8, hex, utf8 } from '../../src/core/bytes.ts'
import { Fields, type HttpRequest } from '../../src/core/message.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import type { Curve } from '../../src/crypto/suites.ts'
import { type EnvelopeContext, encodeContext } from '../../src/envelope/context.ts'
import { contentKeys, expand } from '../../src/envelope/derive.ts'
import { inspect } from '../../src/envelope/inspect.ts'
import { sessionKeyring } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { sealWith } from '../../src/envelope/seal.ts'
import { sessionKey } from '../../src/envelope/session-key.ts'
import { CHUNKED } from '../../src/envelope/suite.ts'
import { deriveSessionKeys, type SessionKeys } from '../../src/session/derive.ts'
import { readGrant, readOffer } from '../../src/session/handshake.ts'
import {
  checkAnswerCoverage,
  checkRequestCoverage,
  proofText,
  readProof,
  verifyMac,
} from '../../src/signature/proof.ts'
import { bytesOf, failureOf, fixedEntropy } from '../envelope/fixtures.ts'

type KeyName = 'client mac' | 'server mac' | 'client seal' | 'server seal'

interface Derivation {
  name: string
  curve?: Curve
  client_private_jwk?: Jwk
  server_private_jwk?: Jwk
  offer?: string
  grant?: string
  secret: string
  request_base: string
  answer_base: string
  salt: string
  keys: Record<KeyName, string>
}

interface Proven {
  key: KeyName
  fields: [string, string][]
  base: string
  signature_input: string
  signature: string
}

interface Sealed {
  name: string
  session_key: string
  kid: string
  salt: string
  context: EnvelopeContext
  encoded_context: string
  plaintext: string
  data_key: string
  content_key: string
  base_nonce: string
  commitment: string
  header_mac_key: string
  header_mac: string
  envelope: string
}

interface SessionVectors {
  derivation: { cases: Derivation[] }
  proof: {
    session: string
    request: Proven & { method: string; target: string }
    answer: Proven & { status: number }
  }
  envelope: {
    cases: Sealed[]
    refused: {
      context: EnvelopeContext
      cases: { name: string; key: KeyName; kid: string; envelope: string; context?: EnvelopeContext; expect: string }[]
    }
  }
}

const text = readFileSync(new URL('../vectors/session.json', import.meta.url), 'utf8')
const { derivation, proof, envelope } = JSON.parse(text) as SessionVectors
const names: KeyName[] = ['client mac', 'server mac', 'client seal', 'server seal']
const ofHandshake = derivation.cases[1]?.keys as Record<KeyName, string>
const ringOf = async (id: string, key: string) => sessionKeyring(id, await primitives.macKey(bytesOf(key)))

function keyNamed(keys: SessionKeys, name: KeyName) {
  const { clientMac, serverMac, clientSeal, serverSeal } = keys
  return { 'client mac': clientMac, 'server mac': serverMac, 'client seal': clientSeal, 'server seal': serverSeal }[
    name
  ]
}

/** A key cannot be looked at: what it makes of a message tells it. */
const macOf = async (key: Parameters<typeof primitives.mac>[0]) => hex(await primitives.mac(key, utf8('m')))

function derivationCases(): void {
  it.each(derivation.cases)('derives the keys of "$name"', async (vector) => {
    const bases = { requestBase: utf8(vector.request_base), answerBase: utf8(vector.answer_base) }
    const keys = await deriveSessionKeys({ secret: bytesOf(vector.secret), ...bases })
    for (const name of names) {
      const expected = await primitives.macKey(bytesOf(vector.keys[name]))
      expect(await macOf(keyNamed(keys, name)), name).toBe(await macOf(expected))
    }
  })

  it.each(derivation.cases)('has for "$name" what the HKDF of the runtime gives', (vector) => {
    const salt = createHash('sha256').update(`${vector.request_base}\0${vector.answer_base}`).digest()
    expect(salt.toString('hex')).toBe(vector.salt)
    for (const name of names) {
      const key = hkdfSync('sha256', bytesOf(vector.secret), salt, `countersign/session/v1 ${name}`, 32)
      expect(hex(new Uint8Array(key)), name).toBe(vector.keys[name])
    }
  })

  const handshakes = derivation.cases.filter(({ curve }) => curve !== undefined)
  it.each(handshakes)('agrees on the secret of "$name", from either end', async (vector) => {
    const { curve, client_private_jwk: client, server_private_jwk: server, secret } = vector
    if (curve === undefined || client === undefined || server === undefined) throw new Error('no keys')
    const offered = readOffer(utf8(vector.offer ?? ''))
    const granted = readGrant(utf8(vector.grant ?? ''), curve)
    if (offered === undefined || granted === undefined) throw new Error('they cannot be read')
    const ours = await primitives.agree(await primitives.agreementKey(curve, client), granted.point)
    const theirs = await primitives.agree(await primitives.agreementKey(curve, server), offered.point)
    expect([ours && hex(ours), theirs && hex(theirs)]).toEqual([secret, secret])
    const keyOf = (jwk: Jwk) => createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const publicKey = createPublicKey(keyOf(server))
    expect(diffieHellman({ privateKey: keyOf(client), publicKey }).toString('hex')).toBe(secret)
    expect([granted.id, granted.expiresIn, granted.seal]).toEqual([proof.session, 600, false])
  })
}

function proofCases(): void {
  const fieldsOf = ({ fields, signature_input: input, signature }: Proven) =>
    new Fields([...fields.flat(), 'Signature-Input', input, 'Signature', signature])
  const request: HttpRequest = { ...proof.request, fields: fieldsOf(proof.request) }
  const response = { ...proof.answer, fields: fieldsOf(proof.answer) }

  it('verifies a request, and the answer to it', async () => {
    const [sent, answered] = [readProof(request.fields, 'request'), readProof(response.fields, 'answer')]
    if (sent === undefined || answered === undefined) throw new Error('no proof')
    checkRequestCoverage(sent, request)
    checkAnswerCoverage(answered, response, { requestProof: sent })
    const bases = [proofText(sent, request), proofText(answered, response, request)] as const
    expect(bases).toEqual([proof.request.base, proof.answer.base])
    for (const [one, base, vector] of [
      [sent, bases[0], proof.request],
      [answered, bases[1], proof.answer],
    ] as const) {
      expect([one.parameters.keyid, one.label]).toEqual([proof.session, 'session'])
      for (const name of names) {
        const key = await primitives.macKey(bytesOf(ofHandshake[name]))
        const step = (await failureOf(async () => verifyMac(one, base, key))).step
        expect(step, name).toBe(name === vector.key ? undefined : 'mac')
      }
    }
  })
}

function envelopeCases(): void {
  it.each(envelope.cases)('seals "$name" to the very bytes, and opens it', async (vector) => {
    const { kid, context, salt } = vector
    const ring = await ringOf(kid, vector.session_key)
    const made = await sealWith(fixedEntropy({ salt: bytesOf(salt) }), utf8(vector.plaintext), { to: ring, context })
    expect(hex(made)).toBe(vector.envelope)
    expect(fromUtf8(await open(bytesOf(vector.envelope), { with: ring, context }))).toBe(vector.plaintext)
    expect(inspect(made).kids).toEqual([{ type: 3, kid: proof.session }])
  })

  it.each(envelope.cases)('derives the keys of "$name"', async (vector) => {
    const salt = bytesOf(vector.salt)
    const made = sessionKey(vector.kid, await primitives.macKey(bytesOf(vector.session_key)))
    const raw = (await made.derive?.(salt)) ?? new Uint8Array(0)
    expect(hex(raw)).toBe(vector.data_key)
    const dataKey = await primitives.macKey(raw)
    expect(hex(encodeContext(vector.context) ?? new Uint8Array(0))).toBe(vector.encoded_context)
    const context = bytesOf(vector.encoded_context)
    const { key, baseNonce, commitment } = await contentKeys(dataKey, { suite: CHUNKED, salt, context })
    expect([key, baseNonce, commitment].map(hex)).toEqual([vector.content_key, vector.base_nonce, vector.commitment])
    expect(hex(await expand(dataKey, utf8('sve1/header-mac'), 32))).toBe(vector.header_mac_key)
  })

  it.each(envelope.refused.cases)('refuses "$name" with $expect', async (vector) => {
    const { kid, key, context = envelope.refused.context } = vector
    const ring = await ringOf(kid, ofHandshake[key])
    const failure = await failureOf(() => open(bytesOf(vector.envelope), { with: ring, context }))
    expect(failure).toEqual({ code: 'unopened', step: vector.expect })
  })
}

/** All cases of `test/vectors/session.json`, on whichever primitives `#crypto` is. */
export function sessionVectors(name: string): void {
  describe(`session vectors on ${name}`, () => {
    it(`runs on ${name}`, () => expect(primitives.name).toBe(name))
    describe('derivation', derivationCases)
    describe('proof', proofCases)
    describe('sealing', envelopeCases)
  })
}
