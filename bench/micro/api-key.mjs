// An API key checked against each of the stores: the bound authenticator, as the guard calls it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiKey, apiKeyFile, createApiKey, memoryApiKeys } from 'countersign/accept'
import { BIND } from '../../dist/peer/authenticator.js'
import { makeFolder } from '../scratch.mjs'
import { compare } from './measure.mjs'

const KEYS = 1_000
const FIELD = 'x-api-key'
const around = { clock: { now: () => Date.now() }, report: () => undefined, isRevoked: () => false }

const created = []
for (let i = 0; i < KEYS; i++) created.push(await createApiKey({ owner: `job-${i}`, scopes: ['entries:read'] }))
const records = created.map(({ record }) => record)
// As a header brings them: other bytes each time, whose hash is not known yet.
const headers = created.map(({ key }) => Buffer.from(key, 'latin1'))

/** Checks the next key at each call. */
function checkEach(store) {
  const way = apiKey({ store })[BIND](around, [])
  let i = 0
  return () => {
    const at = i++ % KEYS
    const text = headers[at].latin1Slice()
    const { claims } = way.authenticate({ header: (name) => (name === FIELD ? text : undefined) })
    if (claims?.keyId !== records[at].id) throw new Error('not checked at once')
  }
}

const path = join(makeFolder(), 'api-keys.json')
writeFileSync(path, JSON.stringify({ keys: records }), { mode: 0o600 })
const file = apiKeyFile(path)
await file.ready()

compare({ memoryApiKeys: checkEach(memoryApiKeys(records)), apiKeyFile: checkEach(file) })
