import { createServer } from 'node:http'
import { guard as guardNode } from '../../src/adapters/node.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { listen } from '../journeys/servers.ts'
import type { Case } from './case.ts'
import { type Outsider, type Place, sendRaw, startOutsider } from './outsider.ts'
import type { Seen, StartCorpusService } from './services.ts'

/** What came of one request. */
export interface Outcome {
  readonly status: number
  readonly seen: readonly Seen[]
  /** What arrived at the service that the handler calls, before its guard and behind it. */
  readonly upstream: readonly Pick<Seen, 'names' | 'all'>[]
}

/** A service that lets everybody in, one behind it that its handler calls, and a caller with an outsider on its line. */
export interface World {
  byNobody(one: Case, place: Place): Promise<Outcome>
  signed(one: Case, place: Place, proof: 'session' | 'signature'): Promise<Outcome>
  close(): Promise<void>
}

const nobody = { raw: [], trailers: [], covered: {} } as const

/** A request to which nothing was added. */
export const untouched = nobody as unknown as Case

const policy = definePolicy({
  version: 1,
  rules: [{ id: 'all', effect: 'allow', from: ['anonymous', 'spiffe://acme.test/**'], to: ['* /*'] }],
})

export async function startWorld(start: StartCorpusService, options: Partial<GuardOptions> = {}): Promise<World> {
  const domain = await testDomain('acme.test')
  const transport = (url: string | URL, init?: RequestInit) => fetch(url, init)
  let seen: Seen[] = []
  let arrived: Outcome['upstream'][number][] = []
  const archive = await domain.workload('archive')
  const behind = guardNode(archive, { policy: allowAuthenticated() }, (req, res) => {
    arrived.push({ names: Object.keys(req.headersDistinct), all: [req.headers, req.rawHeaders] })
    res.end('kept')
  })
  const upstream = await listen(
    createServer((req, res) => {
      arrived.push({ names: Object.keys(req.headersDistinct), all: [req.url, [...req.rawHeaders]] })
      behind(req, res)
    }),
  )
  const ledger = await domain.workload('ledger', { transport, peers: { [upstream.origin]: archive.id } })
  const service = await start(
    ledger,
    { policy, ...options },
    { seen: (what) => seen.push(what), callOn: () => ledger.fetch(`${upstream.origin}/kept`) },
  )
  const outsider: Outsider = await startOutsider(service.port)
  const orders: Workload = await domain.workload('orders', { transport, peers: { [outsider.origin]: ledger.id } })

  const watch = async (act: () => Promise<number>): Promise<Outcome> => {
    seen = []
    arrived = []
    const status = await act()
    return { status, seen, upstream: arrived }
  }
  return {
    byNobody: (one, place) => watch(() => sendRaw(service.port, one, place)),
    signed: (one, place, proof) =>
      watch(async () => {
        outsider.adds = { one, place }
        const sent = orders.fetch(`${outsider.origin}/case`, { headers: { ...one.covered }, countersign: { proof } })
        return sent.then(
          async (answer) => {
            await answer.arrayBuffer()
            return answer.status
          },
          () => 0,
        )
      }),
    async close() {
      outsider.close()
      await Promise.all([orders.close(), ledger.close(), archive.close()])
      await service.close()
      await upstream.close()
    },
  }
}
