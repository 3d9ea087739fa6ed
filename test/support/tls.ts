import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { certificateOn } from '../../src/adapters/node-certificate.ts'
import { tlsServerOptions } from '../../src/adapters/node-tls.ts'
import type { TlsServerOptions } from '../../src/adapters/tls-options.ts'
import { type MemorySink, memorySink } from '../../src/audit/memory-sink.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import { type CertificatePair, certificatePem } from '../../src/keys/certificate-source.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import type { Source } from '../../src/keys/source.ts'
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.ts'
import type { TrustBundle } from '../../src/trust/bundle.ts'
import { verifyCertificate } from '../../src/trust/verify-certificate.ts'
import { createWorkload } from '../../src/workload/create-workload.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'
import { bundleEntry, type Made, NOW_MS } from './certificate.ts'

/** A value that a test changes, for whoever follows it. */
export interface Followed<T> extends Source<T> {
  set(value: T): void
}

export function followed<T>(first: T): Followed<T> {
  const listeners = new Set<() => void>()
  let value = first
  return {
    load: () => value,
    watch(changed) {
      listeners.add(changed)
      return { close: () => void listeners.delete(changed) }
    },
    set(next) {
      value = next
      for (const changed of listeners) changed()
    },
  }
}

/** Workloads of one trust domain whose CAs a test changes, and servers they are called at. */
export interface TlsWorld {
  readonly clock: FakeClock
  readonly sink: MemorySink
  /** Origins and who is behind them. */
  readonly peers: Record<string, string>
  /** Who is believed from now on, by everybody. */
  trustIn(cas: readonly Made[], more?: Partial<TrustBundle>): Promise<void>
  workload(
    id: string,
    certificate: Source<CertificatePair> | CertificatePair,
    more?: Partial<WorkloadOptions>,
  ): Promise<Workload>
  /** Serves on an address of this machine; gives the origin. */
  serve(workload: Workload, listener: RequestListener, options?: TlsServerOptions): Promise<Served>
  end(): Promise<void>
}

export interface Served {
  readonly server: Server
  readonly origin: string
  /** The same under another name of this machine. */
  readonly named: string
}

const isSource = (value: object): value is Source<CertificatePair> => 'load' in value

export async function tlsWorld(cas: readonly Made[], clock = createFakeClock(NOW_MS)): Promise<TlsWorld> {
  const key = await generateKey({ alg: 'ES256' })
  const bundleOf = (anchors: readonly Made[], more: Partial<TrustBundle> = {}): TrustBundle => ({
    trust_domains: {
      'acme.test': { keys: [publicJwk(key), ...anchors.map((anchor) => bundleEntry(anchor))] },
      'wimse://acme.test': { keys: anchors.map((anchor) => bundleEntry(anchor)) },
    },
    ...more,
  })
  const trust = followed(bundleOf(cas))
  const sink = memorySink()
  const workloads: Workload[] = []
  const servers: Server[] = []
  const peers: Record<string, string> = {}
  return {
    clock,
    sink,
    peers,
    async trustIn(anchors, more) {
      const before = workloads.map((workload) => engineOf(workload).trust.current().generation)
      trust.set(bundleOf(anchors, more))
      const isBehind = (workload: Workload, i: number) => engineOf(workload).trust.current().generation === before[i]
      while (workloads.some(isBehind)) await new Promise((resolve) => setTimeout(resolve, 1))
    },
    async workload(id, certificate, more = {}) {
      const workload = await createWorkload({
        id,
        credentials: selfIssued(key),
        trust,
        certificate: isSource(certificate) ? certificate : certificatePem(certificate),
        peers: (url) => peers[url.origin],
        audit: sink,
        clock,
        ...more,
      })
      workloads.push(workload)
      return workload
    },
    async serve(workload, listener, options) {
      const server = createServer(tlsServerOptions(workload, options), listener)
      servers.push(server)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const [origin, named] = [`https://127.0.0.1:${port}`, `https://localhost:${port}`]
      peers[origin] = workload.id
      peers[named] = workload.id
      return { server, origin, named }
    },
    async end() {
      await Promise.all(workloads.map((workload) => workload.close()))
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}

/** Who calls, by the certificate of the connection and the trust of now; else why nobody does. */
export async function callerOf(workload: Workload, { socket }: Pick<IncomingMessage, 'socket'>): Promise<string> {
  const shown = certificateOn(socket)
  if (shown === undefined) return 'nobody'
  const { clock, toleranceSeconds, trust } = engineOf(workload)
  try {
    return (await verifyCertificate(shown, { trust: trust.current(), clock, toleranceSeconds, role: 'client' })).id.id
  } catch (error) {
    return isCountersignError(error) ? `${error.code} ${error.detail.step}` : String(error)
  }
}
