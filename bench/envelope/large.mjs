// Sealing and opening what is long against nothing but AES-256-GCM of the same backend, over as many bytes.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createKeyring, open, openStream, seal, sealStream } from 'countersign/envelope'
import { given } from '../answering.mjs'
import { compare } from '../micro/measure.mjs'

const keyring = createKeyring({ primary: 'one', keys: { one: randomBytes(32) } })
const [key, nonce] = [randomBytes(32), randomBytes(12)]
const plaintext = randomBytes(given.mebibytes * 1_048_576)
const limit = { maxPlaintextBytes: plaintext.length }
const PIECE_BYTES = 65_536

function bareSeal() {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

function bareOpen({ ciphertext, tag }) {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(tag)
  const opened = decipher.update(ciphertext)
  decipher.final()
  return opened
}

async function webSeal(imported) {
  return crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, imported, plaintext)
}

function piecesOf(bytes) {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.subarray(at, at + PIECE_BYTES))
      at += PIECE_BYTES
      if (at >= bytes.length) controller.close()
    },
  })
}

async function drain(stream) {
  let length = 0
  for await (const piece of stream) length += piece.length
  return length
}

const sealed = bareSeal()
const envelope = await seal(plaintext, { to: keyring })
const imported = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt'])

compare({
  'bare seal': bareSeal,
  seal: () => seal(plaintext, { to: keyring }),
  sealStream: () => drain(piecesOf(plaintext).pipeThrough(sealStream({ to: keyring }))),
  'bare open': () => bareOpen(sealed),
  open: () => open(envelope, { with: keyring, ...limit }),
  openStream: () => drain(piecesOf(envelope).pipeThrough(openStream({ with: keyring }))),
  'WebCrypto seal': () => webSeal(imported),
})
