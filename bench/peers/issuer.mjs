// An issuer of access tokens (RFC 9068) on the loopback: discovery, keys, and as many tokens as are asked for.

import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { answering, given } from '../answering.mjs'

const { audience, alg } = given
const { publicKey, privateKey } = await generateKeyPair(alg)
const jwk = { ...(await exportJWK(publicKey)), kid: 'issuer-1', use: 'sig', alg }
const documents = new Map()
const server = createServer((req, res) => {
  const document = documents.get(req.url)
  res.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
  res.end(JSON.stringify(document ?? {}))
})
const listening = new Promise((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))
})
const issuer = await listening
documents.set('/jwks', { keys: [jwk] })
documents.set('/.well-known/openid-configuration', {
  issuer,
  jwks_uri: `${issuer}/jwks`,
  id_token_signing_alg_values_supported: [alg],
})

function mint(jti) {
  return new SignJWT({ scope: 'entries:write', client_id: 'orders' })
    .setProtectedHeader({ alg, kid: jwk.kid, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setSubject('orders')
    .setAudience(audience)
    .setJti(jti)
    .setIssuedAt()
    .setExpirationTime('2h')
    .sign(privateKey)
}

/** Each has an identifier of its own, so no two are alike. */
async function tokens({ count }) {
  const minted = []
  for (let i = 0; i < count; i++) minted.push(await mint(`token-${i}`))
  return minted
}

answering({ issuer: () => issuer, tokens })
