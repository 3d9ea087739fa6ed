// RFC 9421 sign and verify against nothing but the two operations of node:crypto over a base of the same length.

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { generateKey, publicJwk } from 'countersign'
import { given } from '../answering.mjs'
import { signAndVerify } from './countersign-signature.mjs'
import { compare } from './measure.mjs'

/** About as long as the signature base of the message: six components and the parameters. */
const BASE = Buffer.alloc(400, 'x')

const jwk = await generateKey({ alg: given.alg })
const keyid = 'key-1'
const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
const publicKey = createPublicKey({ key: publicJwk(jwk), format: 'jwk' })
const [hash, encoding] = given.alg === 'ES256' ? ['sha256', { dsaEncoding: 'ieee-p1363' }] : [null, {}]

function bare() {
  const signature = sign(hash, BASE, { key: privateKey, ...encoding })
  if (!verify(hash, BASE, { key: publicKey, ...encoding }, signature)) throw new Error('not verified')
}

compare({ bare, countersign: signAndVerify({ signWith: jwk, verifyWith: publicJwk(jwk), keyid }) })
