import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { contentDigest, verifyContentDigest } from '../../src/signature/content-digest.ts'

const body = utf8('{"amount":1}')
const base64 = (hash: string, bytes: Uint8Array = body) => createHash(hash).update(bytes).digest('base64')
const SHA256 = `sha-256=:${base64('sha256')}:`
const SHA512 = `sha-512=:${base64('sha512')}:`

async function refusalOf(field: string, bytes = body) {
  try {
    await verifyContentDigest(field, bytes)
    return 'holds'
  } catch (error) {
    const { code, detail } = error as { code: string; detail: { step: string } }
    return [code, detail.step]
  }
}

describe('content digests', () => {
  it('are SHA-256 of the content, also of none', async () => {
    expect(await contentDigest(body)).toBe(SHA256)
    expect(await contentDigest(new Uint8Array(0))).toBe(`sha-256=:${base64('sha256', new Uint8Array(0))}:`)
  })

  it('hold by either algorithm, and by both', async () => {
    for (const field of [SHA256, SHA512, `${SHA256}, ${SHA512}`, `unknown=:AA==:, md5=:AA==:, ${SHA512}`]) {
      expect(await refusalOf(field), field).toBe('holds')
    }
  })

  it('content whose digest is not the announced one is refused', async () => {
    const other = `sha-256=:${base64('sha256', utf8('x'))}:`
    await expect(verifyContentDigest(other, body)).rejects.toMatchObject({
      code: 'digest-mismatch',
      detail: { expected: base64('sha256', utf8('x')), received: base64('sha256') },
    })
    expect(await refusalOf(SHA512, utf8('x'))).toEqual(['digest-mismatch', 'SHA-512'])
    expect(await refusalOf(`${SHA512}, ${other}`)).toEqual(['digest-mismatch', 'SHA-256'])
    expect(await refusalOf(`${SHA256}, sha-512=:${base64('sha512', utf8('x'))}:`)).toEqual([
      'digest-mismatch',
      'SHA-512',
    ])
  })

  it('a content digest that is not a dictionary is refused', async () => {
    for (const field of [
      `${SHA256},`,
      `${SHA256}, ${SHA256}`,
      'SHA-256=:AA==:',
      `${SHA256} x`,
      SHA256 + ' '.repeat(2048),
    ]) {
      expect(await refusalOf(field), field.slice(0, 60)).toEqual(['digest-malformed', 'dictionary'])
    }
  })

  it('a content digest without SHA-256 and SHA-512 is refused', async () => {
    for (const field of [
      '',
      `md5=:${base64('md5')}:`,
      `sha=:${base64('sha1')}:`,
      'crc32c=:AAAAAA==:',
      `sha-384=:${base64('sha384')}:`,
    ]) {
      expect(await refusalOf(field), field).toEqual(['digest-malformed', 'algorithm'])
    }
  })

  it('a content digest that is not bytes of the length of its algorithm is refused', async () => {
    const sha256 = [
      'sha-256',
      'sha-256=()',
      'sha-256="AA=="',
      'sha-256=::',
      `sha-256=:${base64('sha512')}:`,
      `${SHA512}, sha-256=:AA==:`,
    ]
    for (const field of sha256) expect(await refusalOf(field), field).toEqual(['digest-malformed', 'sha-256'])
    expect(await refusalOf(`${SHA256}, sha-512=:${base64('sha256')}:`)).toEqual(['digest-malformed', 'sha-512'])
  })
})
