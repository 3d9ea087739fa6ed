// Sealing and opening 1 KiB: by the key of a session, against jose's compact JWE with `dir` and A256GCM.
import { randomBytes } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { sealAndOpen } from '../micro/countersign-seal.mjs'
import { compare } from '../micro/measure.mjs'

const plaintext = new Uint8Array(randomBytes(1024))
const secret = new Uint8Array(randomBytes(32))

async function peer() {
  const jwe = await new CompactEncrypt(plaintext)
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: 'session-1' })
    .encrypt(secret)
  const { plaintext: opened } = await compactDecrypt(jwe, secret)
  if (opened.length !== plaintext.length) throw new Error('not opened')
}

compare({ peer, countersign: await sealAndOpen(plaintext, secret) })
