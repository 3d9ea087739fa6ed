import type { Workload } from '../../src/flow/workload.ts'
import { type TestDomain, testDomain } from '../../src/testing/test-domain.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'

/** A trust domain whose workloads call over real sockets. */
export interface SocketDomain {
  readonly domain: TestDomain
  readonly ledger: Workload
  /** Makes a caller that knows the ledger behind an origin. */
  caller(name: string, origin: string, overrides?: Partial<WorkloadOptions>): Promise<Workload>
}

export async function socketDomain(ledgerOptions: Partial<WorkloadOptions> = {}): Promise<SocketDomain> {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', ledgerOptions)
  return {
    domain,
    ledger,
    caller: (name, origin, overrides = {}) =>
      domain.workload(name, {
        transport: (url, init) => fetch(url, init),
        peers: { [origin]: ledger.id },
        ...overrides,
      }),
  }
}

/** Callee events of one domain, in order. */
export async function calleeEvents({
  domain,
  ledger,
}: SocketDomain): Promise<readonly TestDomain['sink']['events'][number][]> {
  await ledger.audit.flush()
  return domain.sink.events.filter(({ side }) => side === 'callee')
}
