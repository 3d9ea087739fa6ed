import type { Workload } from 'countersign'
import type { AuditEvent, MemorySink } from 'countersign/audit'
import { attacks, attempt, type Outcome, type Stage } from './attacks.js'
import { newService, start, trustOf } from './domain.js'
import { ledgerServer } from './ledger.js'
import { ordersServer } from './orders.js'
import { paymentsServer } from './payments.js'
import { listen, startProxy } from './proxy.js'

const CARD = '4929-0000-1111-2222'
const json = process.argv.includes('--json')
const say = (text = '') => {
  if (!json) process.stdout.write(`${text}\n`)
}

const [orders, payments, ledger, stranger] = await Promise.all(
  ['orders', 'payments', 'ledger', 'orders'].map(newService),
)
if (orders === undefined || payments === undefined || ledger === undefined || stranger === undefined)
  throw new Error('no keys')

const paymentsProxy = await startProxy()
const ledgerProxy = await startProxy()
const bundle = trustOf([orders, payments, ledger], { payments: paymentsProxy.origin, ledger: ledgerProxy.origin })
const running = {
  orders: await start(orders, bundle),
  payments: await start(payments, bundle),
  ledger: await start(ledger, bundle),
}
const { workload: strange } = await start(stranger, trustOf([stranger, ledger], { ledger: ledgerProxy.origin }))

const { server: paymentsHttp, charges } = paymentsServer(running.payments.workload)
const { server: ledgerHttp, entries } = ledgerServer(running.ledger.workload)
const ordersHttp = ordersServer(running.orders.workload, { payments: paymentsProxy.origin, ledger: ledgerProxy.origin })
paymentsProxy.target = await listen(paymentsHttp)
ledgerProxy.target = await listen(ledgerHttp)
const ordersPort = await listen(ordersHttp)

say('Three services, one order.\n')
const answer = await fetch(`http://127.0.0.1:${ordersPort}/orders`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ item: 'lamp', card: CARD, amount: 40 }),
})
const receipt = await answer.text()
const onTheWire = paymentsProxy.seen.map(({ body }) => body.toString('latin1')).join('')
const order = {
  status: answer.status,
  charged: charges.length === 1 && charges[0]?.by === orders.id,
  sealed: onTheWire.length > 0 && !onTheWire.includes(CARD),
  written: entries.length === 1 && entries[0]?.by === orders.id,
}
say(`  customer → orders     POST /orders    nobody has to prove anything here: ${order.status} ${receipt}`)
say(
  `  orders → payments     POST /charges   signed both ways and sealed: the wire saw ${onTheWire.length} bytes, the card number ${order.sealed ? 'not' : 'TOO'}`,
)
say(`  orders → ledger       POST /entries   signed both ways: written by ${entries[0]?.by}`)

say('\nNow somebody sits on the wire.\n')
const stage: Stage = {
  orders: running.orders.workload,
  payments: running.payments.workload,
  stranger: strange,
  ledgerProxy,
  paymentsPort: paymentsProxy.target,
  sinks: { orders: running.orders.sink, payments: running.payments.sink, ledger: running.ledger.sink },
  ran: () => entries.length + charges.length,
}
const outcomes: Outcome[] = []
for (const attack of attacks) {
  const outcome = await attempt(attack, stage)
  outcomes.push(outcome)
  say(
    `  ${outcome.asTold ? '✓' : '✗'} ${outcome.title.padEnd(52)} ${outcome.refusedBy} refuses: ${outcome.code ?? 'NOTHING'}`,
  )
}

const trail = collect(Object.values(running).map(({ sink }) => sink))
say('\nWhat was written down (the order, both sides of each call):\n')
for (const event of trail.slice(0, 5)) say(`  ${describe(event)}`)
say(`  … ${trail.length} events in all, one a call and side.`)

const ok =
  order.status === 201 && order.charged && order.sealed && order.written && outcomes.every(({ asTold }) => asTold)
if (json) process.stdout.write(`${JSON.stringify({ ok, order, attacks: outcomes, events: trail }, null, 2)}\n`)
say(ok ? '\nAll went as told.' : '\nNOT everything went as told.')

await closeAll([running.orders.workload, running.payments.workload, running.ledger.workload, strange])
for (const server of [ordersHttp, paymentsHttp, ledgerHttp]) {
  server.closeAllConnections()
  server.close()
}
paymentsProxy.close()
ledgerProxy.close()
process.exitCode = ok ? 0 : 1

function collect(sinks: readonly MemorySink[]): AuditEvent[] {
  const all = sinks.flatMap(({ events }) => [...events]).filter(({ type }) => type === 'call')
  return all.sort((a, b) => a.time.localeCompare(b.time))
}

function describe(event: AuditEvent): string {
  const { side, workload, peer, method, path, status, effect, rule } = event
  const who = workload.split('/').at(-1)
  return `${String(side).padEnd(7)} ${String(who).padEnd(9)} ${method} ${path} → ${status} ${effect}, peer ${peer}${rule === undefined ? '' : `, rule ${rule}`}`
}

async function closeAll(workloads: readonly Workload[]): Promise<void> {
  for (const workload of workloads) await workload.close()
}
