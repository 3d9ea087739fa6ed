// What a caller does with the one call, by hand: the request's proof, and the checks of the answer.
import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { Pool } from 'undici'
import { LEDGER, ORDERS } from '../http/domain.mjs'
import { checkAnswer, ENTRY, HEADERS, PATH } from '../http/entry.mjs'
import { answerMac, digestOf, isSame, requestMac, requestParameters, trailTo } from './wire.mjs'

const TRACE_BYTES = 24
const random = Buffer.alloc(256 * TRACE_BYTES)
let used = random.length

function nextTraceparent() {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  used += TRACE_BYTES
  const id = random.hexSlice(used - TRACE_BYTES, used)
  return `00-${id.slice(0, 32)}-${id.slice(32)}-00`
}

function checkProof({ statusCode, headers }, text, counter) {
  const parameters = headers['signature-input'].slice('session='.length)
  if (!parameters.endsWith(`;wimse-req-nonce="${counter}"`)) throw new Error('another answer')
  const { 'content-type': type, 'cache-control': cache, 'content-digest': digest } = headers
  const expected = answerMac(parameters, { status: statusCode, type, cache, digest })
  if (!isSame(headers.signature, `session=:${expected}:`)) throw new Error('not proven')
  if (!isSame(digest, digestOf(text))) throw new Error('another body')
}

export function openLeast({ origin, connections, folder }) {
  const pooled = new Pool(origin, { connections, pipelining: 1 })
  const record = trailTo(join(folder, 'orders.ndjson'))
  const own = { type: HEADERS['content-type'], accept: HEADERS.accept, encoding: 'identity' }
  let counter = 0

  function headersFor(parameters, traceparent) {
    const digest = digestOf(ENTRY)
    const signature = requestMac(parameters, { ...own, digest })
    return {
      'content-type': own.type,
      accept: own.accept,
      'accept-encoding': own.encoding,
      traceparent,
      'content-digest': digest,
      'signature-input': `session=${parameters}`,
      signature: `session=:${signature}:`,
    }
  }

  async function call() {
    const began = performance.now()
    const mine = ++counter
    const traceparent = nextTraceparent()
    const headers = headersFor(requestParameters(mine), traceparent)
    const answer = await pooled.request({ path: PATH, method: 'POST', headers, body: ENTRY })
    const text = await answer.body.text()
    checkProof(answer, text, mine)
    const time = new Date().toISOString()
    const told = { method: 'POST', path: PATH, status: 200, authenticatedBy: 'session', traceparent }
    record({
      v: 1,
      type: 'call',
      time,
      role: 'caller',
      caller: ORDERS,
      callee: LEDGER,
      ...told,
      ms: performance.now() - began,
    })
    checkAnswer(answer.statusCode, JSON.parse(text))
  }

  return { call, close: () => pooled.close() }
}
