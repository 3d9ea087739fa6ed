import { isCountersignError, type Workload } from 'countersign'
import type { AuditEvent, MemorySink } from 'countersign/audit'
import type { Meddler, MeddlingProxy } from './proxy.js'

/** What the attacks need of the shop. */
export interface Stage {
  readonly orders: Workload
  readonly stranger: Workload
  readonly payments: Workload
  readonly ledgerProxy: MeddlingProxy
  readonly paymentsPort: number
  readonly sinks: Readonly<Record<string, MemorySink>>
  /** How many handlers ran. */
  ran(): number
}

export interface Attack {
  readonly title: string
  /** Who notices, and the code it writes down. */
  readonly noticedBy: 'ledger' | 'payments' | 'orders'
  readonly code: string
  /** How many handlers may run: a call that is honest but for its answer runs once. */
  readonly runs: number
  run(stage: Stage): Promise<void>
}

/** How an attack went. */
export interface Outcome {
  readonly title: string
  readonly refusedBy: string
  readonly code: string | undefined
  readonly ran: number
  readonly asTold: boolean
}

const entry = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"order":"one lamp"}' }

async function call(caller: Workload, { ledgerProxy }: Stage, meddler: Meddler, path = '/entries'): Promise<void> {
  ledgerProxy.meddler = meddler
  try {
    const init = path.startsWith('/entries?all') ? {} : entry
    const proof = path === '/entries?signed' ? 'signature' : 'session'
    await caller.fetch(`${ledgerProxy.origin}${path}`, { ...init, countersign: { proof } })
  } catch (error) {
    if (!isCountersignError(error)) throw error
  } finally {
    ledgerProxy.meddler = {}
  }
}

const changeByte = (body: Buffer) => Buffer.from(body.toString().replace('one', 'two'))

export const attacks: readonly Attack[] = [
  {
    title: 'the proxy changes the body',
    noticedBy: 'ledger',
    code: 'digest-mismatch',
    runs: 0,
    run: (stage) =>
      call(stage.orders, stage, { request: (message) => ({ ...message, body: changeByte(message.body) }) }),
  },
  {
    title: 'the proxy changes the query',
    noticedBy: 'ledger',
    code: 'proof-invalid',
    runs: 0,
    run: (stage) =>
      call(stage.orders, stage, { request: (message) => ({ ...message, target: `${message.target}?admin=1` }) }),
  },
  {
    title: 'the proxy sends an honest call a second time',
    noticedBy: 'ledger',
    code: 'proof-replayed',
    runs: 1,
    async run(stage) {
      await call(stage.orders, stage, {})
      const honest = stage.ledgerProxy.seen.at(-1)
      if (honest !== undefined) await stage.ledgerProxy.send(honest)
    },
  },
  {
    title: 'the proxy gives the answer to another call',
    noticedBy: 'orders',
    code: 'answer-unbound',
    runs: 1,
    run: (stage) => {
      const other = stage.ledgerProxy.answers.at(-1)
      return call(stage.orders, stage, { answer: (message) => other ?? message })
    },
  },
  {
    title: 'the proxy strips the signature off the answer',
    noticedBy: 'orders',
    code: 'answer-unsigned',
    runs: 1,
    run: (stage) =>
      call(stage.orders, stage, {
        answer(message) {
          const { signature: _, 'signature-input': __, ...headers } = message.headers
          return { ...message, headers }
        },
      }),
  },
  {
    title: 'the proxy strips the signature off the request',
    noticedBy: 'ledger',
    code: 'proof-missing',
    runs: 0,
    run: (stage) =>
      call(stage.orders, stage, {
        request(message) {
          const { signature: _, 'signature-input': __, ...headers } = message.headers
          return { ...message, headers }
        },
      }),
  },
  {
    title: 'the proxy delivers a call for the ledger to payments',
    noticedBy: 'payments',
    code: 'session-unknown',
    runs: 0,
    run: (stage) => call(stage.orders, stage, { port: stage.paymentsPort }),
  },
  {
    title: 'the same, of a call that is proven by a signature',
    noticedBy: 'payments',
    code: 'audience-mismatch',
    runs: 0,
    run: (stage) => call(stage.orders, stage, { port: stage.paymentsPort }, '/entries?signed'),
  },
  {
    title: 'a service nobody vouches for calls',
    noticedBy: 'ledger',
    code: 'token-untrusted',
    runs: 0,
    run: (stage) => call(stage.stranger, stage, {}),
  },
  {
    title: 'a known service calls a route it may not',
    noticedBy: 'ledger',
    code: 'policy-denied',
    runs: 0,
    run: (stage) => call(stage.payments, stage, {}, '/entries?all=1'),
  },
]

/** Runs one attack and looks at who noticed, what it wrote down, and whether a handler ran that should not have. */
export async function attempt(attack: Attack, stage: Stage): Promise<Outcome> {
  const sink = stage.sinks[attack.noticedBy]
  if (sink === undefined) throw new Error(`no sink for ${attack.noticedBy}`)
  const before = sink.events.length
  const ranBefore = stage.ran()
  await attack.run(stage)
  await Promise.all([stage.orders.audit.flush(), stage.payments.audit.flush()])
  await settle(sink, before)
  const ran = stage.ran() - ranBefore
  const refusal = sink.events.slice(before).find((event: AuditEvent) => event.code === attack.code)
  const asTold = refusal !== undefined && ran === attack.runs
  return { title: attack.title, refusedBy: attack.noticedBy, code: refusal?.code, ran, asTold }
}

/** Sinks are fed behind the call: a turn of the event loop later everything is there. */
async function settle(sink: MemorySink, before: number): Promise<void> {
  for (let turn = 0; turn < 100 && sink.events.length === before; turn++)
    await new Promise((resolve) => setImmediate(resolve))
}
