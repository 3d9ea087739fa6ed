// 1 GiB through two Express services, up and down at once: what each process needs above what it needs to begin with.
//
//   node test/soak/streams.mjs            1 GiB
//   node test/soak/streams.mjs --quick    64 MiB
//
// It runs what `npm run build` made. The peaks are the operating system's high-water marks. The caller sends to the first
// service, which passes the body on to the second by a call of its own; the second sends it back, and so does the first.
import { fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { guard } from '../../dist/express.js'
import { createWorkload, generateKey, publicJwk, selfIssued, trustBundle } from '../../dist/index.js'
import { allowAuthenticated } from '../../dist/policy.js'
import { undiciTransport } from '../../dist/undici.js'

const MIB = 1_048_576
const BOUND_BYTES = 64 * MIB
const SIZE = (process.argv.includes('--quick') ? 64 : 1024) * MIB
const transportName = process.argv.includes('--undici') ? 'undici' : 'fetch'
const peakBytes = () => process.resourceUsage().maxRSS * 1024

const workload = ({ name, keys, bundle, peers }) =>
  createWorkload({
    id: `spiffe://soak.test/${name}`,
    credentials: selfIssued({ keys }),
    trust: trustBundle(bundle),
    peers,
    audit: { write: () => undefined },
    ...(transportName === 'undici' ? { transport: undiciTransport() } : {}),
  })

/** A service in a process of its own. */
async function serve(given) {
  const own = await workload(given)
  const app = express()
  app.use(guard(own, { policy: allowAuthenticated() }))
  app.post('/through', async (req, res) => {
    if (given.next === undefined) {
      await pipeline(req, res)
      return
    }
    const answer = await own.fetch(`${given.next}/through`, { method: 'POST', body: req })
    await pipeline(Readable.fromWeb(answer.body), res)
  })
  const server = createServer(app).listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  process.on('message', () => process.send({ peak: peakBytes() }))
}

const next = (child) => new Promise((resolve) => child.once('message', resolve))

async function start(given) {
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), { env: { ...process.env, SERVE: '1' } })
  child.send(given)
  const { port } = await next(child)
  return {
    origin: `http://127.0.0.1:${port}`,
    async peak() {
      child.send('peak')
      return (await next(child)).peak
    },
    stop: () => child.kill(),
  }
}

const PIECE = randomBytes(65_536)

/** Sends so many bytes through both services, and checks what comes back. */
async function pass(caller, origin, size) {
  const sent = createHash('sha256')
  const received = createHash('sha256')
  let left = size
  const body = new ReadableStream(
    {
      pull(controller) {
        if (left === 0) controller.close()
        else {
          left -= PIECE.length
          sent.update(PIECE)
          controller.enqueue(PIECE)
        }
      },
    },
    { highWaterMark: 0 },
  )
  const answer = await caller.fetch(`${origin}/through`, { method: 'POST', body })
  let length = 0
  for await (const piece of answer.body) {
    length += piece.length
    received.update(piece)
  }
  if (length !== size || sent.digest('hex') !== received.digest('hex'))
    throw new Error(`${length} other bytes came back`)
}

async function main() {
  const anchor = await generateKey({ alg: 'ES256' })
  const bundle = { trust_domains: { 'soak.test': { keys: [publicJwk(anchor)] } } }
  const given = async (name, more) => ({
    name,
    keys: [anchor, await generateKey({ alg: 'X25519' })],
    bundle,
    ...more,
  })
  const back = await start(await given('back', { peers: {} }))
  const front = await start(
    await given('front', { next: back.origin, peers: { [back.origin]: 'spiffe://soak.test/back' } }),
  )
  const caller = await workload(await given('caller', { peers: { [front.origin]: 'spiffe://soak.test/front' } }))
  await pass(caller, front.origin, PIECE.length)
  const idle = [peakBytes(), await front.peak(), await back.peak()]
  const began = performance.now()
  await pass(caller, front.origin, SIZE)
  const seconds = (performance.now() - began) / 1000
  const peaks = [peakBytes(), await front.peak(), await back.peak()].map((peak, i) => peak - idle[i])
  front.stop()
  back.stop()
  const [own, first, second] = peaks.map((bytes) => (bytes / MIB).toFixed(1))
  console.log(`${SIZE / MIB} MiB by ${transportName} in ${seconds.toFixed(1)} s`)
  console.log(`above idle: caller ${own} MiB, first service ${first} MiB, second service ${second} MiB`)
  if (peaks[1] > BOUND_BYTES || peaks[2] > BOUND_BYTES) {
    console.error(`a service needs more than ${BOUND_BYTES / MIB} MiB`)
    process.exit(1)
  }
  process.exit(0)
}

if (process.env.SERVE === '1') process.once('message', (given) => void serve(given))
else await main()
