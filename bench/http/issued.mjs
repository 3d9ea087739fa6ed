// Callers with access tokens: an issuer for the server to ask for keys, and tokens for the client to send.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const AUDIENCE = 'https://ledger.bench.internal'
const FILE = 'tokens.json'

/** Starts an issuer and has all tokens minted before anything is measured. */
export const withIssuer =
  ({ alg, count }) =>
  async (begin, folder) => {
    const child = begin('peers/issuer.mjs', { audience: AUDIENCE, alg })
    const issuer = await child.ask('issuer')
    writeFileSync(join(folder, FILE), JSON.stringify(await child.ask('tokens', { count })), { mode: 0o600 })
    return { issuer, audience: AUDIENCE }
  }

export const readTokens = (folder) => JSON.parse(readFileSync(join(folder, FILE), 'utf8'))
