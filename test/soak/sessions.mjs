// 100,000 handshakes and 1,000,000 calls from 10,000 identities against one workload: the heap stays flat after warm-up.
//
//   node test/soak/sessions.mjs            the whole of it, about ten minutes
//   node test/soak/sessions.mjs --quick    a hundredth
//
// It runs what `npm run build` made. Handshakes and the first call of each session are whole ones: proof, claim, policy,
// digest, answer, verification at both ends, one event a side. Of the other nine calls the caller only signs, and the callee
// judges them up to the handler: an answer keeps nothing. Left out altogether are sockets and adapters (a request is handed
// from the one engine to the other as it is), and what sinks do with events. Time is not waited for: both clocks are moved
// on by three minutes after each round, so that every session, window and claim of one round has ended in the next. No token
// is renewed meanwhile: each of the callers would remember those of the callee, and here all of them share one heap.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { auditTrail } from '../../dist/audit.js'
import { nowSeconds } from '../../dist/core/clock.js'
import { Fields } from '../../dist/core/message.js'
import { admit } from '../../dist/flow/admit.js'
import { answerHandled, answerSelf } from '../../dist/flow/answer.js'
import { checkGuardOptions, guardSettings } from '../../dist/flow/inbound/guard-settings.js'
import { engineOf } from '../../dist/flow/workload.js'
import { createWorkload, generateKey, publicJwk, selfIssued, trustBundle } from '../../dist/index.js'
import { definePolicy } from '../../dist/policy.js'
import { contentDigest } from '../../dist/signature/content-digest.js'
import { signRequest } from '../../dist/signature/sign-proof.js'

const isQuick = process.argv.includes('--quick')
const IDENTITIES = isQuick ? 100 : 10_000
const ROUNDS = 10
const CALLS = 10
/** Rounds after which everything that is ever kept has been kept once. */
const WARM_UP = 3
const AT_ONCE = 64
const SESSION_SECONDS = 150
const ROUND_MS = 180_000
/** How much the heap may grow from the end of the warm-up to the last round: a hundred bytes a handshake, and noise. */
const BOUND_BYTES = IDENTITIES * (ROUNDS - WARM_UP) * 100 + 8_000_000
const ORIGIN = 'https://ledger.test'
const LEDGER = 'spiffe://acme.test/ledger'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

const realNow = performance.now.bind(performance)
const startMs = Date.now()
let aheadMs = 0
performance.now = () => realNow() + aheadMs
const clock = { now: () => startMs + aheadMs }

const anchor = await generateKey({ alg: 'ES256' })
const trust = trustBundle({ trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } } })
let events = 0
const counting = {
  write(batch) {
    events += batch.length
  },
}
const audit = auditTrail({ sinks: [counting] })
const shared = { trust, audit, clock, credentials: selfIssued({ keys: [anchor] }) }

const ledger = await createWorkload({ ...shared, id: LEDGER, sessions: { lifetimeSeconds: SESSION_SECONDS } })
const engine = engineOf(ledger)
const policy = definePolicy({
  version: 1,
  rules: [{ id: 'all', effect: 'allow', from: ['spiffe://acme.test/*'], to: ['POST /*'] }],
})
const guard = guardSettings(engine, checkGuardOptions({ policy }))
const counts = { handshakes: 0, bySession: 0, bySignature: 0, ran: 0, failed: 0 }
const BODY = new TextEncoder().encode('{"n":1}')
const DIGEST = await contentDigest(BODY)
const OK = new TextEncoder().encode('{"ok":true}')

/** Judges a request as the guard does. */
async function judge(request, body) {
  const readBody = () => body ?? new Uint8Array(0)
  const admission = await admit(guard, { request, mountPath: '', announcesBody: body !== undefined, readBody })
  if (admission.kind === 'admitted') counts.ran++
  return admission
}

/** Hands a request over to the guard, and its answer back. */
async function exchange({ target, method, fields, body }) {
  const request = { method, target, fields: new Fields(fields) }
  if (target.endsWith('/session')) counts.handshakes++
  else if (request.fields.get('signature-input').includes('keyid=')) counts.bySession++
  else counts.bySignature++
  const admission = await judge(request, body)
  const handled = { status: 200, fields: new Fields(['Content-Type', 'application/json']), body: new Uint8Array(OK) }
  const answer =
    admission.kind === 'admitted'
      ? await answerHandled(guard, admission.stage, handled)
      : await answerSelf(guard, admission)
  return { status: answer.status, fields: answer.fields.raw, body: answer.body ?? new Uint8Array(0) }
}

/** One more call under the session of a caller: it is signed and judged. */
async function further(session) {
  const fields = new Fields(['content-type', 'application/json', 'content-digest', DIGEST])
  const request = { method: 'POST', target: '/entries', fields }
  const created = nowSeconds(clock)
  const named = { nonce: String(++session.counter), keyid: session.id, tag: 'countersign-session', audience: LEDGER }
  const parameters = { created, expires: created + 60, ...named, signResponse: true }
  const signed = await signRequest({ request, parameters, macKey: session.keys.clientMac })
  counts.bySession++
  const admission = await judge({ ...request, fields: fields.with(signed.fields) }, new Uint8Array(BODY))
  if (admission.kind !== 'admitted') counts.failed++
}
const transport = Object.assign(() => Promise.reject(new TypeError('not asked')), { exchange })

const inMiB = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`
const heap = () => {
  collect()
  collect()
  const { heapUsed, arrayBuffers, external } = process.memoryUsage()
  return heapUsed + Math.max(arrayBuffers, external)
}
const say = (line) => process.stdout.write(`${line}\n`)

/** Does something for every caller, a few at a time. */
async function forAll(callers, body) {
  let next = 0
  const worker = async () => {
    while (next < callers.length) await body(callers[next++])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

const before = heap()
const callers = []
for (let i = 0; i < IDENTITIES; i++) {
  const options = { ...shared, id: `spiffe://acme.test/caller-${i}`, peers: { [ORIGIN]: LEDGER }, transport }
  callers.push(await createWorkload(options))
}
say(`${IDENTITIES} identities: ${((heap() - before) / IDENTITIES / 1024).toFixed(1)} KiB each`)

const heaps = []
for (let round = 1; round <= ROUNDS; round++) {
  const begin = realNow()
  await forAll(callers, async (caller) => {
    const answer = await caller.fetch(`${ORIGIN}/entries`, { method: 'POST', body: BODY }).catch(() => undefined)
    if (answer?.status !== 200) counts.failed++
    const { session } = engineOf(caller).peers.of(LEDGER).lines.get(ORIGIN)
    if (session === undefined) counts.failed++
    else for (let i = 1; i < CALLS; i++) await further(session)
  })
  await audit.flush()
  const { table } = engine.sessions
  heaps.push(heap())
  say(
    `round ${round}: heap ${inMiB(heaps.at(-1))}, ${table.size} sessions, ${table.ended} windows, ${engine.replay.size} claims, ` +
      `${counts.handshakes} handshakes, ${counts.bySession} calls by session, ${counts.bySignature} by signature, ` +
      `${((realNow() - begin) / 1000).toFixed(1)} s`,
  )
  aheadMs += ROUND_MS
}

const growth = Math.max(...heaps.slice(WARM_UP)) - heaps[WARM_UP - 1]
const wanted = IDENTITIES * ROUNDS
const problems = []
if (growth > BOUND_BYTES) problems.push('the heap grew beyond the bound')
if (counts.failed > 0) problems.push(`${counts.failed} calls failed`)
if (counts.ran !== wanted * CALLS) problems.push(`${counts.ran} handlers ran instead of ${wanted * CALLS}`)
if (counts.handshakes !== wanted) problems.push(`${counts.handshakes} handshakes instead of ${wanted}`)
if (counts.bySignature > 0) problems.push(`${counts.bySignature} calls went without a session`)
say(
  `${events} events; heap after warm-up: ${growth < 0 ? '-' : '+'}${inMiB(Math.abs(growth))}, bound ${inMiB(BOUND_BYTES)}`,
)
say(problems.length === 0 ? 'flat' : `FAILED: ${problems.join('; ')}`)
process.exitCode = problems.length === 0 ? 0 : 1
