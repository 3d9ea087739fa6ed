import { describe, expect } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { type Bytes, concat, equalBytes, hex } from '../../src/core/bytes.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { agreeX25519, verifyEd25519Sync } from '../../src/crypto/curves.ts'
import { coordinate, pointOf, publicMembers } from '../../src/crypto/members.ts'
import type { Jwk, Primitives } from '../../src/crypto/primitives.ts'
import { type Curve, type SignatureSuite, suiteOfKey } from '../../src/crypto/suites.ts'
import { backends } from '../crypto/backends.ts'
import { vectorFile, vectorIt } from './load.ts'

interface Case {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly flags: readonly string[]
  readonly comment: string
}

interface Group<T extends Case> {
  readonly tests: readonly T[]
}

function groupsOf<T extends Case, G extends object = object>(name: string): readonly (Group<T> & G)[] {
  const file = vectorFile(`wycheproof/${name}.json`) as { testGroups: (Group<T> & G)[] }
  return file.testGroups
}

function unhex(text: string): Bytes {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

const describeCase = (test: Case) => `case ${test.tcId}: ${test.comment} [${test.flags}]`

/** The code of the refusal, or what was given instead of one. */
async function refusal(attempt: () => unknown): Promise<unknown> {
  try {
    return await attempt()
  } catch (error) {
    if (isCountersignError(error)) return error.code
    throw error
  }
}

interface AeadCase extends Case {
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
}

interface Sizes {
  readonly keySize: number
  readonly ivSize: number
  readonly tagSize: number
}

async function checkAead(primitives: Primitives, test: AeadCase): Promise<void> {
  const key = await primitives.aeadKey(unhex(test.key))
  const [nonce, aad, message] = [unhex(test.iv), unhex(test.aad), unhex(test.msg)]
  const sealed = concat(unhex(test.ct), unhex(test.tag))
  const opened = await primitives.decrypt(key, nonce, sealed, aad)
  expect(opened && hex(opened), describeCase(test)).toBe(test.result === 'valid' ? test.msg : undefined)
  if (test.result !== 'valid') return
  expect(hex(concat(...(await primitives.encrypt(key, nonce, message, aad)))), describeCase(test)).toBe(hex(sealed))
}

async function checkOtherSize(primitives: Primitives, test: AeadCase, sizes: Sizes): Promise<void> {
  if (sizes.keySize !== 256) {
    expect(await refusal(() => primitives.aeadKey(unhex(test.key))), describeCase(test)).toBe('key-invalid')
    return
  }
  const key = await primitives.aeadKey(unhex(test.key))
  const sealed = concat(unhex(test.ct), unhex(test.tag))
  const attempts = [
    () => primitives.encrypt(key, unhex(test.iv), unhex(test.msg), unhex(test.aad)),
    () => primitives.decrypt(key, unhex(test.iv), sealed, unhex(test.aad)),
  ]
  for (const attempt of attempts) expect(await refusal(attempt), describeCase(test)).toBe('key-invalid')
}

describe.each(backends)('AES-256-GCM on %s', (_name, primitives) => {
  vectorIt('opens and seals as Wycheproof says, and refuses other sizes', async () => {
    let [run, refused] = [0, 0]
    for (const group of groupsOf<AeadCase, Sizes>('aes_gcm')) {
      const ours = group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128
      for (const test of group.tests) {
        if (ours) await checkAead(primitives, test)
        else await checkOtherSize(primitives, test, group)
        ours ? run++ : refused++
      }
    }
    expect([run, refused]).toEqual([66, 250])
  })
})

interface HkdfCase extends Case {
  readonly ikm: string
  readonly salt: string
  readonly info: string
  readonly size: number
  readonly okm: string
}

/** HKDF (RFC 5869) from nothing but the MAC: what the primitives are used for. */
async function hkdf(primitives: Primitives, test: HkdfCase): Promise<Bytes> {
  const extract = await primitives.macKey(unhex(test.salt))
  const prk = await primitives.macKey(await primitives.mac(extract, unhex(test.ikm)))
  let block: Bytes = new Uint8Array()
  let output: Bytes = new Uint8Array()
  for (let i = 1; output.length < test.size; i++) {
    block = await primitives.mac(prk, concat(block, unhex(test.info), Uint8Array.of(i)))
    output = concat(output, block)
  }
  return output.slice(0, test.size)
}

interface MacCase extends Case {
  readonly key: string
  readonly msg: string
  readonly tag: string
}

describe.each(backends)('HMAC-SHA-256 on %s', (_name, primitives) => {
  vectorIt('gives the tags of Wycheproof', async () => {
    let run = 0
    for (const group of groupsOf<MacCase, { tagSize: number }>('hmac_sha256')) {
      for (const test of group.tests) {
        const tag = await primitives.mac(await primitives.macKey(unhex(test.key)), unhex(test.msg))
        // Half of the groups truncate the tag: this library never does, so they only say how it begins.
        const same = equalBytes(tag.subarray(0, group.tagSize / 8), unhex(test.tag))
        expect(same, describeCase(test)).toBe(test.result === 'valid')
        run++
      }
    }
    expect(run).toBe(174)
  })

  vectorIt('makes the HKDF of Wycheproof', async () => {
    let [run, tooLarge] = [0, 0]
    for (const group of groupsOf<HkdfCase>('hkdf_sha256')) {
      for (const test of group.tests) {
        // More than 255 blocks are no question to the MAC: the derivation is the test's own.
        if (test.result === 'invalid') tooLarge++
        else expect(hex(await hkdf(primitives, test)), describeCase(test)).toBe(test.okm)
        run++
      }
    }
    expect([run, tooLarge]).toEqual([86, 3])
  })
})

interface SignatureCase extends Case {
  readonly msg: string
  readonly sig: string
}

interface Signed {
  readonly publicKeyJwk?: Jwk
  readonly publicKey: { readonly uncompressed?: string }
}

/** The group's key; where the file has it only as a point, the JWK of that point. */
function keyOf({ publicKeyJwk, publicKey }: Signed): Jwk {
  if (publicKeyJwk !== undefined) return publicKeyJwk
  const point = unhex(publicKey.uncompressed ?? '')
  const [x, y] = [toBase64url(point.subarray(1, 33)), toBase64url(point.subarray(33))]
  return { kty: 'EC', crv: 'P-256', x, y }
}

async function verifies(
  primitives: Primitives,
  suite: SignatureSuite,
  jwk: Jwk,
  test: SignatureCase,
): Promise<boolean> {
  return primitives.verify(await primitives.verifyingKey(suite, jwk), unhex(test.msg), unhex(test.sig))
}

describe.each(backends)('signatures on %s', (_name, primitives) => {
  vectorIt.each([
    ['ecdsa_secp256r1_sha256_p1363', 262],
    ['ed25519', 151],
  ] as const)('verify as Wycheproof says: %s', async (file, total) => {
    let run = 0
    for (const group of groupsOf<SignatureCase, Signed>(file)) {
      const jwk = keyOf(group)
      const suite = suiteOfKey(jwk)
      for (const test of group.tests) {
        const verified = await verifies(primitives, suite, jwk, test)
        expect(verified, describeCase(test)).toBe(test.result === 'valid')
        run++
      }
    }
    expect(run).toBe(total)
  })
})

describe('synchronous Ed25519', () => {
  vectorIt('verifies as Wycheproof says', () => {
    for (const { publicKeyJwk, tests } of groupsOf<SignatureCase, Signed>('ed25519')) {
      const publicKey = coordinate(publicKeyJwk?.x)
      for (const test of tests) {
        const verified = verifyEd25519Sync(publicKey, unhex(test.msg), unhex(test.sig))
        expect(verified, describeCase(test)).toBe(test.result === 'valid')
      }
    }
  })
})

interface AgreementCase extends Case {
  readonly public: Jwk
  readonly private: Jwk
  readonly shared: string
}

async function agree(primitives: Primitives, curve: Curve, test: AgreementCase): Promise<string | undefined> {
  const key = await primitives.agreementKey(curve, test.private)
  const secret = await primitives.agree(key, pointOf(publicMembers(curve, test.public)))
  return secret && hex(secret)
}

describe.each(backends)('key agreement on %s', (_name, primitives) => {
  vectorIt('on P-256 yields the secrets of Wycheproof', async () => {
    let run = 0
    for (const { tests } of groupsOf<AgreementCase>('ecdh_secp256r1_webcrypto')) {
      for (const test of tests) {
        const result = await refusal(() => agree(primitives, 'P-256', test))
        if (test.result === 'valid') expect(result, describeCase(test)).toBe(test.shared)
        else expect([undefined, 'key-invalid'], describeCase(test)).toContain(result)
        run++
      }
    }
    expect(run).toBe(353)
  })

  vectorIt('on X25519 yields the secrets of Wycheproof, and none that is all zero', async () => {
    let run = 0
    for (const { tests } of groupsOf<AgreementCase>('x25519_jwk')) {
      for (const test of tests) {
        const result = await refusal(() => agree(primitives, 'X25519', test))
        if (test.result === 'invalid') expect([undefined, 'key-invalid'], describeCase(test)).toContain(result)
        else expect(result, describeCase(test)).toBe(/^0*$/.test(test.shared) ? undefined : test.shared)
        run++
      }
    }
    expect(run).toBe(531)
  })
})

describe('X25519 of tweetnacl', () => {
  vectorIt('yields the secrets of Wycheproof, and none that is all zero', () => {
    for (const { tests } of groupsOf<AgreementCase>('x25519_jwk')) {
      for (const test of tests.filter(({ result }) => result !== 'invalid')) {
        const secret = agreeX25519(coordinate(test.private.d), coordinate(test.public.x))
        expect(secret && hex(secret), describeCase(test)).toBe(/^0*$/.test(test.shared) ? undefined : test.shared)
      }
    }
  })
})
