// Run by tools/packed.mjs beside the installed package: public names only, real sockets, the files `init` wrote.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { answerOf, createWorkload, credentialFile, isCountersignError, trustFile } from 'countersign'
import { memorySink } from 'countersign/audit'
import { callOf, guard } from 'countersign/express'
import { policyFile } from 'countersign/policy'
import express from 'express'

const sink = memorySink()
const sent = []
let meddle = (init) => init
let strip = false
const start = (name, more = {}) =>
  createWorkload({
    id: `spiffe://acme.internal/${name}`,
    credentials: credentialFile(`countersign/${name}.json`),
    trust: trustFile('countersign/trust.json'),
    audit: name === 'ledger' ? sink : memorySink(),
    ...more,
  })

const ledger = await start('ledger')
let ran = 0
const app = express()
app.use(guard(ledger, { policy: policyFile('countersign/policy.json') }))
app.use(express.json())
app.post('/entries', (req, res) => {
  ran++
  res.json({ from: callOf(req).peer.id, body: req.body })
})
const server = app.listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const origin = `http://127.0.0.1:${server.address().port}`
const orders = await start('orders', {
  peers: { [origin]: ledger.id },
  async transport(url, init) {
    sent.push({ url, init })
    const answer = await fetch(url, meddle(init))
    if (!strip) return answer
    const headers = new Headers(answer.headers)
    headers.delete('signature')
    return new Response(await answer.arrayBuffer(), { status: answer.status, headers })
  },
})
const post = (countersign = {}) =>
  orders.fetch(`${origin}/entries`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"amount":1}',
    countersign,
  })
const lastCode = async () => {
  await ledger.audit.flush()
  return sink.events.filter(({ side }) => side === 'callee').at(-1)?.code
}

for (const seal of ['never', 'always']) {
  const answer = await post({ seal })
  assert.deepEqual(await answer.json(), { from: orders.id, body: { amount: 1 } })
  assert.equal(answerOf(answer).sealed, seal === 'always')
}
assert.equal(ran, 2)

meddle = (init) => ({ ...init, body: new TextEncoder().encode('{"amount":2}') })
assert.equal((await post({ seal: 'never' })).status, 400)
assert.equal(await lastCode(), 'digest-mismatch')

meddle = (init) => init
strip = true
await assert.rejects(
  post({ seal: 'never' }),
  (error) => isCountersignError(error) && ['answer-unsigned', 'answer-malformed'].includes(error.code),
)
strip = false
assert.equal(ran, 3)

const { url, init } = sent.at(-1)
const replayed = await new Promise((resolve, reject) => {
  const req = request(
    url,
    {
      method: init.method,
      headers: { ...Object.fromEntries(new Headers(init.headers)), 'content-length': init.body.length },
    },
    (res) => {
      res.resume()
      resolve(res.statusCode)
    },
  )
  req.on('error', reject)
  req.end(init.body)
})
assert.equal(replayed, 400)
assert.equal(await lastCode(), 'proof-replayed')

assert.equal((await fetch(`${origin}/entries`, { method: 'POST', body: '{}' })).status, 400)
assert.equal(await lastCode(), 'proof-missing')
assert.equal(ran, 3)

server.closeAllConnections()
server.close()
await orders.close()
await ledger.close()
process.stdout.write('packed: 2 calls admitted, 4 attacks refused\n')
