// The rows that make HTTP calls. What all of them hold equal stands in report/page.mjs.
import { withIssuer } from './issued.mjs'
import { measureSides } from './sides.mjs'

const overPool = { kind: 'pool' }
const overWorkload = { kind: 'secured', undici: true }

const raw = (server) => ({ name: 'raw', server, caller: overPool })
const session = (server, options) => ({ name: 'session', server, caller: overWorkload, proof: 'session', options })

/** A ratio of two sides, round by round. */
const ratio = (rounds, measure, [above, below]) => rounds.map((round) => round[above][measure] / round[below][measure])

function throughputRow({ name, title, equal, sides, bounds, of }) {
  return {
    name,
    title,
    equal,
    async run(effort) {
      const { rounds, sides: measured } = await measureSides(sides, effort)
      const label = `requests/s, ${of[0]} ÷ ${of[1]}`
      return { sides: measured, figures: [{ label, bounds, values: ratio(rounds, 'perSecond', of) }] }
    },
  }
}

const expressSession = throughputRow({
  name: 'express-session',
  title: 'Secured call, session, Express ÷ raw',
  equal: 'Express, express.json(), handler and answer; the secured side has the guard before them with `json: true`.',
  sides: [raw('servers/express.mjs'), session('servers/express.mjs')],
  bounds: { better: 'more', floor: 0.7, goal: 0.85 },
  of: ['session', 'raw'],
})

const expressSealed = throughputRow({
  name: 'express-session-sealed',
  title: 'The same, sealed both ways ÷ mutual TLS',
  equal:
    'Express, parser, handler; one side speaks TLS 1.3 with verified client certificates on connections that stay open (handshakes fall into the warm-up), the other plain HTTP with sealed bodies.',
  sides: [
    { name: 'mutual TLS', server: 'servers/express-mtls.mjs', caller: overPool, tls: true },
    { ...session('servers/express.mjs', { seal: true }), name: 'sealed session' },
  ],
  bounds: { better: 'more', floor: 0.9, goal: 1 },
  of: ['sealed session', 'mutual TLS'],
})

const koaSession = throughputRow({
  name: 'koa-session',
  title: 'Secured call, session, Koa ÷ raw',
  equal: 'Koa, koa-bodyparser, handler and answer.',
  sides: [raw('servers/koa.mjs'), session('servers/koa.mjs')],
  bounds: { better: 'more', floor: 0.7, goal: 0.8 },
  of: ['session', 'raw'],
})

const nodeSession = throughputRow({
  name: 'node-session',
  title: 'Secured call, session, node:http ÷ raw',
  equal: 'node:http and handler; the raw side gathers and parses the body by hand, once.',
  sides: [raw('servers/node.mjs'), session('servers/node.mjs')],
  bounds: { better: 'more', floor: 0.45, goal: 0.55 },
  of: ['session', 'raw'],
})

const latency = {
  name: 'latency',
  title: 'Added median latency, one connection',
  equal: 'As express-session, with one connection and one call at a time.',
  async run(effort) {
    const { rounds, sides } = await measureSides(
      [raw('servers/express.mjs'), session('servers/express.mjs')],
      effort,
      1,
    )
    const values = rounds.map((round) => round.session.latencyMs - round.raw.latencyMs)
    const bounds = { better: 'less', floor: 0.15, goal: 0.12 }
    return { sides, figures: [{ label: 'added latency', unit: 'ms', bounds, values }] }
  },
}

const firstContact = {
  name: 'first-contact',
  title: 'First-contact call, ES256 both ways ÷ raw, beside express-oauth2-jwt-bearer',
  equal:
    'Express, parser, handler. Countersign without sessions signs and verifies every call and answer, body included; the bearer side verifies one RS256 token for each call (keys cached) and covers neither body nor answer, nor is anything written down.',
  async run(effort) {
    const signature = { ...session('servers/express.mjs', { sessions: false }), name: 'signature', proof: 'signature' }
    const prepare = withIssuer({ alg: 'RS256', count: 1 })
    const bearer = { name: 'bearer', server: 'peers/express-bearer.mjs', caller: overPool, prepare }
    const { rounds, sides } = await measureSides([raw('servers/express.mjs'), signature, bearer], effort)
    const figure = (above, below, bounds) => ({
      label: `requests/s, ${above} ÷ ${below}`,
      bounds,
      values: ratio(rounds, 'perSecond', [above, below]),
    })
    return {
      sides,
      figures: [
        figure('signature', 'raw', { better: 'more', floor: 0.45, goal: 0.5 }),
        figure('signature', 'bearer', { better: 'more', floor: 1, goal: 1 }),
        figure('bearer', 'raw'),
      ],
    }
  },
}

/** Both sides are given as many tokens of an issuer of their own, which differ in nothing but their identifiers. */
function bearerRow({ name, title, equal, count }) {
  const shared = { caller: overPool, prepare: withIssuer({ alg: 'ES256', count }) }
  return throughputRow({
    name,
    title: `${title}, Express ÷ express-oauth2-jwt-bearer`,
    equal: `Express, parser, handler; ES256, tokens as RFC 9068 has them and no others (\`strict\`), keys cached. ${equal} The guard decides by its policy and writes each call down besides.`,
    sides: [
      { ...shared, name: 'peer', server: 'peers/express-bearer.mjs', options: { strict: true } },
      { ...shared, name: 'guard', server: 'servers/express.mjs', proof: 'bearer', options: { accept: 'bearer' } },
    ],
    of: ['guard', 'peer'],
  })
}

const bearerCached = bearerRow({
  name: 'bearer-cached',
  title: 'Bearer token seen before',
  equal: 'One token over and over, which the guard remembers and the peer verifies each time.',
  count: 1,
})

/** Four times what the guard remembers: sent in turn, each has been forgotten when it comes again. */
const FRESH_TOKENS = 4_000

const bearerFresh = bearerRow({
  name: 'bearer-fresh',
  title: 'Bearer token not seen before, or forgotten',
  equal: `${FRESH_TOKENS.toLocaleString('en')} tokens in turn, minted before: four times what the guard remembers, so that each is verified each time.`,
  count: FRESH_TOKENS,
})

const overTls = { server: 'servers/express-mtls.mjs', caller: overPool, tls: true }

const mtlsGuard = throughputRow({
  name: 'mtls-guard',
  title: 'Mutual TLS, Express, guard ÷ none',
  equal:
    'Express, parser, handler, TLS 1.3 on connections that stay open (handshakes fall into the warm-up), certificates. Without the guard TLS verifies them and the name is read once a connection; the guard judges them at each call, decides by its policy and writes each call down.',
  sides: [
    { ...overTls, name: 'no guard', options: { reads: true } },
    { ...overTls, name: 'guard', proof: 'certificate', options: { accept: 'certificate' } },
  ],
  of: ['guard', 'no guard'],
})

/**
 * A row about the client: both sides call the same node:http service in a process of its own, raw for the bare
 * transport, behind the guard for the workload, since a verified answer needs somebody who signs it. The server's
 * share of calls/s can't be the same, so the client's processor time for a call is judged by the same bounds beside it:
 * it is what calls/s come to where the client is the bottleneck.
 */
function clientRow({ name, title, bare, undici, bounds }) {
  return {
    name,
    title,
    equal:
      'One node:http service in its own process, raw for the bare transport, guarded for the workload; 16 calls at a time; headers, body and the reading of the answer as JSON. Calls/s include what the guard costs the server; client processor time does not.',
    async run(effort) {
      const server = 'servers/node.mjs'
      const { rounds, sides } = await measureSides(
        [
          { name: 'bare', server, caller: bare },
          { ...session(server), caller: { kind: 'secured', undici } },
        ],
        effort,
      )
      const perSecond = ratio(rounds, 'perSecond', ['session', 'bare'])
      const perCpu = ratio(rounds, 'clientCpuUs', ['bare', 'session'])
      return {
        sides,
        figures: [
          { label: 'calls/s, session ÷ bare', bounds, values: perSecond },
          { label: 'calls per client CPU second, session ÷ bare', bounds, values: perCpu },
        ],
      }
    },
  }
}

const clientFetch = clientRow({
  name: 'client-fetch',
  title: 'workload.fetch ÷ global fetch',
  bare: { kind: 'fetch' },
  undici: false,
  bounds: { better: 'more', floor: 0.65, goal: 0.85 },
})

const clientUndici = clientRow({
  name: 'client-undici',
  title: 'workload.fetch with undiciTransport() ÷ undici Pool.request',
  bare: overPool,
  undici: true,
  bounds: { better: 'more', floor: 0.5, goal: 0.75 },
})

/**
 * What the wire format costs at the least: a service and a caller that do by hand, for this one call, what a session
 * demands. No bound: it shows how much of a ratio is the library's own.
 */
const handWritten = (framework, title) =>
  throughputRow({
    name: `least-${framework}`,
    title: `The same by hand, ${title} ÷ raw`,
    equal:
      'The proofs, digests, claims, rule and events of a session, written out for this one call on both sides: nothing is parsed or looked up that the next call could have otherwise.',
    sides: [
      raw(`servers/${framework}.mjs`),
      { name: 'by hand', server: `least/${framework}.mjs`, caller: { kind: 'least' } },
    ],
    of: ['by hand', 'raw'],
  })

export const httpRows = [
  expressSession,
  expressSealed,
  koaSession,
  nodeSession,
  latency,
  firstContact,
  bearerCached,
  bearerFresh,
  mtlsGuard,
  clientFetch,
  clientUndici,
  handWritten('express', 'Express'),
  handWritten('koa', 'Koa'),
  handWritten('node', 'node:http'),
]
