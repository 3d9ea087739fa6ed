// The rows that measure operations of one process.
import { runOnce } from '../child.mjs'
import { sidesOf } from '../statistics.mjs'

function timeRow({ name, title, equal, program, options = {}, against, bounds }) {
  return {
    name,
    title,
    equal,
    async run(effort) {
      const rounds = await runOnce(program, options, effort)
      const values = rounds.map((round) => round.countersign / round[against])
      return { sides: sidesOf(rounds), figures: [{ label: `time, countersign ÷ ${against}`, bounds, values }] }
    },
  }
}

const hmac = timeRow({
  name: 'rfc9421-hmac',
  title: 'RFC 9421 sign + verify, HMAC ÷ http-message-signatures',
  equal: 'Message, six components, parameters (created, keyid), key; one process.',
  program: 'peers/rfc9421-hmac.mjs',
  against: 'peer',
  bounds: { better: 'less', floor: 0.3, goal: 0.2 },
})

const bare = (name, alg) =>
  timeRow({
    name,
    title: `RFC 9421 sign + verify, ${alg} ÷ the two bare node:crypto operations`,
    equal: 'Algorithm and length of what is signed; keys are ready before. One process.',
    program: 'micro/rfc9421-bare.mjs',
    options: { alg },
    against: 'bare',
    bounds: { better: 'less', floor: 1.3, goal: 1.15 },
  })

const witCached = {
  name: 'wit-cached',
  title: 'WIT verified again (cached)',
  equal: 'The token comes as a fresh string each time, as from a header.',
  async run(effort) {
    const rounds = await runOnce('micro/wit-cached.mjs', {}, effort)
    const values = rounds.map((round) => round.countersign)
    const bounds = { better: 'less', floor: 2, goal: 2 }
    return { sides: sidesOf(rounds), figures: [{ label: 'time', unit: 'µs', bounds, values }] }
  },
}

const apiKey = {
  name: 'api-key',
  title: 'API key checked, one of 1,000',
  equal: 'Each of the keys in turn, as a fresh string each time, as from a header; its last use is noted. One process.',
  async run(effort) {
    const rounds = await runOnce('micro/api-key.mjs', {}, effort)
    const bounds = { better: 'less', floor: 20, goal: 20 }
    const figure = (store) => ({
      label: `time, ${store}`,
      unit: 'µs',
      bounds,
      values: rounds.map((round) => round[store]),
    })
    return { sides: sidesOf(rounds), figures: [figure('memoryApiKeys'), figure('apiKeyFile')] }
  },
}

const sealSmall = timeRow({
  name: 'seal-small',
  title: 'Seal + open 1 KiB, session recipient ÷ jose dir A256GCM compact',
  equal: 'Bytes and key length; Countersign binds a context of four members besides. One process.',
  program: 'peers/seal-small.mjs',
  against: 'peer',
  bounds: { better: 'less', floor: 0.12, goal: 0.12 },
})

export const microRows = [
  hmac,
  bare('rfc9421-ed25519', 'Ed25519'),
  bare('rfc9421-es256', 'ES256'),
  witCached,
  apiKey,
  sealSmall,
]
