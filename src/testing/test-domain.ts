import { type FetchHandler, guard as guardFetch } from '../adapters/fetch.ts'
import { type MemorySink, memorySink } from '../audit/memory-sink.ts'
import { CountersignError } from '../core/errors.ts'
import type { GuardOptions } from '../flow/inbound/guard-options.ts'
import type { Workload } from '../flow/workload.ts'
import { type Credentials, selfIssued } from '../keys/credentials.ts'
import { generateKey, publicJwk } from '../keys/jwk.ts'
import { allowAuthenticated } from '../policy/allow-authenticated.ts'
import { trustBundle } from '../trust/source.ts'
import type { TrustSource } from '../trust/trust-source.ts'
import { createWorkload } from '../workload/create-workload.ts'
import type { WorkloadOptions } from '../workload/workload-options.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'

/** A trust domain in memory: real keys, tokens and signatures, no sockets, a clock that stands still. */
export interface TestDomain {
  /** Makes a workload of this domain; what is given overrides the domain's own options. */
  workload(name: string, overrides?: Partial<WorkloadOptions>): Promise<Workload>
  /** Fresh credentials that this domain's anchor vouches for: a signing key and a recipient key. */
  credentials(): Promise<Credentials>
  /** Lets a workload answer behind an origin, guarded; default policy: every authenticated caller. */
  serve(workload: Workload, origin: string, handler: FetchHandler<[]>, options?: Partial<GuardOptions>): void
  /** Delivers a request as it stands, without a workload: what an attacker on the wire can do. */
  deliver(request: Request): Promise<Response>
  readonly trust: TrustSource
  readonly clock: FakeClock
  /** Collects the events of all workloads. */
  readonly sink: MemorySink
}

/**
 * Makes a trust domain for tests: workloads that trust each other, origins that lead from one to the other without a
 * network. It proves what production proves, because it is the same code; only the clock and the wire are replaced.
 *
 * @param name the trust domain, such as `acme.test`
 * @example
 * const domain = await testDomain('acme.test')
 * const orders = await domain.workload('orders')
 * const ledger = await domain.workload('ledger')
 * domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
 * await orders.fetch('https://ledger.test/entries')
 */
export async function testDomain(name: string): Promise<TestDomain> {
  const anchor = await generateKey({ alg: 'ES256' })
  const trust = trustBundle({ trust_domains: { [name]: { keys: [publicJwk(anchor)] } } })
  const clock = createFakeClock()
  const sink = memorySink()
  const origins = new Map<string, { peer: string; handle: (request: Request) => Promise<Response> }>()
  const deliver = async (request: Request) => {
    const found = origins.get(new URL(request.url).origin)
    if (found === undefined) throw new TypeError('fetch failed: nobody serves this origin')
    return found.handle(request)
  }
  const credentials = async () => ({ keys: [anchor, await generateKey({ alg: 'X25519' })] })
  return {
    credentials,
    async workload(workloadName, overrides = {}) {
      return createWorkload({
        id: `spiffe://${name}/${workloadName}`,
        credentials: selfIssued(await credentials()),
        trust,
        peers: (url) => origins.get(url.origin)?.peer,
        audit: sink,
        clock,
        transport: (url, init) => deliver(new Request(url, init)),
        ...overrides,
      })
    },
    serve(workload, origin, handler, options = {}) {
      // Condition: a test origin that is no origin is refused.
      if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
        throw new CountersignError('option-invalid', {
          detail: { option: 'origin', fix: 'give an origin, such as https://ledger.test' },
        })
      }
      const handle = guardFetch(workload, { policy: allowAuthenticated(), ...options }, handler)
      origins.set(origin, { peer: workload.id, handle })
    },
    deliver,
    trust,
    clock,
    sink,
  }
}
