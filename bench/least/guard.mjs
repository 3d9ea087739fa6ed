// What a guard does with the one call, by hand: the proof, the digest, the claim, the rule, and the answer's own.
import { join } from 'node:path'
import { given } from '../answering.mjs'
import { LEDGER, ORDERS } from '../http/domain.mjs'
import { answerMac, answerParameters, digestOf, isSame, requestMac, trailTo } from './wire.mjs'

const WINDOW = 8192
const record = trailTo(join(given.folder, 'ledger.ndjson'))
const rules = new Map([[ORDERS, new Map([['POST /entries', 'book']])]])
const claimed = new Float64Array(WINDOW)

export function gather(req, done) {
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', () => done(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)))
}

function claim(counter) {
  if (claimed[counter % WINDOW] >= counter) throw new Error('replayed')
  claimed[counter % WINDOW] = counter
}

export function admit({ headers, method, url }, bytes) {
  const began = performance.now()
  const parameters = headers['signature-input'].slice('session='.length)
  const created = Number(/;created=([0-9]+);/.exec(parameters)[1])
  const counter = Number(/;nonce="([0-9]+)"/.exec(parameters)[1])
  if (Math.abs(created - Date.now() / 1000) > 60) throw new Error('not of now')
  const digest = headers['content-digest']
  const { accept, 'content-type': type, 'accept-encoding': encoding } = headers
  const expected = requestMac(parameters, { type, accept, encoding, digest })
  if (!isSame(headers.signature, `session=:${expected}:`)) throw new Error('not proven')
  if (!isSame(digest, digestOf(bytes))) throw new Error('another body')
  claim(counter)
  const rule = rules.get(ORDERS).get(`${method} ${url}`)
  if (rule === undefined) throw new Error('not allowed')
  return { counter, rule, began, traceparent: headers.traceparent, body: JSON.parse(bytes.latin1Slice()) }
}

/** The fields of the answer, as names and values in turn; an event is written. */
export function answerFields({ counter, rule, began, traceparent }, body) {
  const parameters = answerParameters(counter)
  const answer = { status: 200, type: 'application/json', cache: 'no-store, no-transform', digest: digestOf(body) }
  const signature = answerMac(parameters, answer)
  record({
    v: 1,
    type: 'call',
    time: new Date().toISOString(),
    role: 'callee',
    caller: ORDERS,
    callee: LEDGER,
    method: 'POST',
    path: '/entries',
    status: 200,
    authenticatedBy: 'session',
    effect: 'allow',
    rule,
    traceparent,
    ms: performance.now() - began,
  })
  return [
    ['Content-Type', answer.type],
    ['Cache-Control', answer.cache],
    ['Content-Digest', answer.digest],
    ['Signature-Input', `session=${parameters}`],
    ['Signature', `session=:${signature}:`],
  ]
}
