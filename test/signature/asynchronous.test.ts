import { describe, expect, it, vi } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { contentDigest, verifyContentDigest } from '../../src/signature/content-digest.ts'
import { proofBase, verifyProof } from '../../src/signature/proof.ts'
import { calleeKey, callerKey, signedAnswer, signedRequest } from './exchange.ts'

vi.mock('../../src/crypto/node.ts', async (original) => {
  const { primitives } = await original<typeof import('../../src/crypto/node.ts')>()
  // Like the runtimes that have only WebCrypto: each answer comes later.
  const later = (name: string | symbol) => {
    const method: unknown = Reflect.get(primitives, name)
    return typeof method === 'function' ? async (...args: unknown[]) => method.apply(primitives, args) : method
  }
  return { primitives: new Proxy({}, { get: (_, name) => later(name) }) }
})

describe('where cryptography is asynchronous', () => {
  it('proofs are made and verified all the same', async () => {
    const sent = await signedRequest()
    const answered = await signedAnswer(sent)
    await verifyProof(sent.proof, proofBase(sent.proof, sent.request), await callerKey())
    const base = proofBase(answered.proof, answered.response, sent.request)
    await verifyProof(answered.proof, base, await calleeKey())
    const wrong = async () => verifyProof(answered.proof, base, await callerKey())
    await expect(wrong()).rejects.toMatchObject({ code: 'proof-invalid' })
  })

  it('digests are computed and compared all the same', async () => {
    const digest = contentDigest(utf8('a'))
    expect(digest).toBeInstanceOf(Promise)
    await verifyContentDigest(await digest, utf8('a'))
    await expect(verifyContentDigest(await digest, utf8('b'))).rejects.toMatchObject({ code: 'digest-mismatch' })
  })
})
