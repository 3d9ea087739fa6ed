// RFC 9421 sign and verify with HMAC-SHA-256: the same components, parameters and key, in one process.
import { randomBytes } from 'node:crypto'
import { createSigner, createVerifier, httpbis } from 'http-message-signatures'
import { signAndVerify } from '../micro/countersign-signature.mjs'
import { compare } from '../micro/measure.mjs'
import { COMPONENTS, HEADERS, REQUEST } from '../micro/message.mjs'

const secret = randomBytes(32)
const keyid = 'key-1'
const key = createSigner(secret, 'hmac-sha256', keyid)
const verifier = { id: keyid, algs: ['hmac-sha256'], verify: createVerifier(secret, 'hmac-sha256') }
const keys = new Map([[keyid, verifier]])
const request = { ...REQUEST, headers: HEADERS }

async function peer() {
  const signed = await httpbis.signMessage({ key, fields: COMPONENTS, params: ['created', 'keyid'] }, request)
  const options = { keyLookup: async (params) => keys.get(params.keyid) ?? null, requiredFields: COMPONENTS }
  if ((await httpbis.verifyMessage(options, signed)) !== true) throw new Error('not verified')
}

const ownKey = new Uint8Array(secret)
compare({ peer, countersign: signAndVerify({ signWith: ownKey, verifyWith: ownKey, keyid }) })
