// An issuer of access tokens on the loopback: discovery, keys (RS256, the default of the peer), one token.

import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { answering, given } from '../answering.mjs'

const { publicKey, privateKey } = await generateKeyPair('RS256')
const jwk = { ...(await exportJWK(publicKey)), kid: 'issuer-1', use: 'sig', alg: 'RS256' }
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
  issuer: `${issuer}/`,
  jwks_uri: `${issuer}/jwks`,
  id_token_signing_alg_values_supported: ['RS256'],
})
const token = await new SignJWT({ scope: 'entries:write' })
  .setProtectedHeader({ alg: 'RS256', kid: jwk.kid, typ: 'at+jwt' })
  .setIssuer(`${issuer}/`)
  .setSubject('orders')
  .setAudience(given.audience)
  .setJti('token-1')
  .setIssuedAt()
  .setExpirationTime('2h')
  .sign(privateKey)
answering({ issuer: () => `${issuer}/`, token: () => token })
