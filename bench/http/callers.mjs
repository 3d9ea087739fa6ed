// Ways to make the call: each gives a function that makes one call, reads its whole answer as JSON and checks it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LEDGER, ORDERS } from './domain.mjs'
import { checkAnswer, ENTRY, HEADERS, PATH } from './entry.mjs'
import { readTokens } from './issued.mjs'
import { openWorkload } from './workload.mjs'

/** undici's pool, the fastest client there is for Node: what all secured calls but those of fetch travel by, too. */
async function pool({ origin, connections, folder, tls, issuer }) {
  // Imported where it is used alone: undici puts its own agent under the fetch of the whole process.
  const { Pool } = await import('undici')
  const connect = tls && {
    ca: readFileSync(join(folder, 'ca.crt')),
    cert: readFileSync(join(folder, 'client.crt')),
    key: readFileSync(join(folder, 'client.key')),
  }
  const pooled = new Pool(origin, { connections, pipelining: 1, ...(connect ? { connect } : {}) })
  const tokens = issuer === undefined ? [undefined] : readTokens(folder)
  const requests = tokens.map((token) => {
    const headers = token === undefined ? HEADERS : { ...HEADERS, authorization: `Bearer ${token}` }
    return { path: PATH, method: 'POST', headers, body: ENTRY }
  })
  let made = 0
  return {
    /** Each token in its turn, however many connections there are. */
    async call() {
      const { statusCode, body } = await pooled.request(requests[made++ % requests.length])
      checkAnswer(statusCode, await body.json())
    },
    close: () => pooled.close(),
  }
}

/** The runtime's own fetch. */
function bareFetch({ origin }) {
  const url = origin + PATH
  return {
    async call() {
      const answer = await fetch(url, { method: 'POST', headers: HEADERS, body: ENTRY })
      checkAnswer(answer.status, await answer.json())
    },
    close: () => undefined,
  }
}

/** A workload's fetch: over the runtime's fetch by default, over pooled requests with `undici`. */
async function secured({ origin, connections, folder, sessions, seal, undici }) {
  const transport = undici ? (await import('countersign/undici')).undiciTransport({ connections }) : undefined
  const { workload, close } = await openWorkload('orders', {
    folder,
    id: ORDERS,
    sessions,
    peers: { [origin]: LEDGER },
    ...(transport === undefined ? {} : { transport }),
  })
  const send = seal ? workload.client({ peer: LEDGER, baseUrl: origin, seal: 'always' }) : workload.fetch
  const url = origin + PATH
  return {
    async call() {
      const answer = await send(url, { method: 'POST', headers: HEADERS, body: ENTRY })
      checkAnswer(answer.status, await answer.json())
    },
    close,
  }
}

const kinds = {
  pool,
  fetch: bareFetch,
  secured,
  least: async (options) => (await import('../least/caller.mjs')).openLeast(options),
}

export const openCaller = (options) => kinds[options.kind](options)
