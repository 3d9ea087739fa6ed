import { type Agent, createServer, request as httpsRequest, type RequestOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { callOf } from '../../../src/adapters/call-of.ts'
import { guard } from '../../../src/adapters/node.ts'
import { memorySink } from '../../../src/audit/memory-sink.ts'
import { toBase64 } from '../../../src/core/base64url.ts'
import type { GuardOptions } from '../../../src/flow/inbound/guard-options.ts'
import { selfIssued } from '../../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../../src/keys/jwk.ts'
import { createFakeClock } from '../../../src/testing/fake-clock.ts'
import type { TrustBundle } from '../../../src/trust/bundle.ts'
import { createWorkload } from '../../../src/workload/create-workload.ts'
import { bundleEntry, type Made, makeCa, makeLeaf, NOW_MS } from '../../support/certificate.ts'

export const root = makeCa({ name: 'root', uris: ['spiffe://acme.test'] })
export const middle = makeCa({ name: 'middle', by: root })

export const pemOf = (...made: readonly Made[]) =>
  made.map(({ der }) => `-----BEGIN CERTIFICATE-----\n${toBase64(der)}\n-----END CERTIFICATE-----\n`).join('')
const keyOf = ({ key }: Made) => key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

export interface Answer {
  readonly status: number
  readonly body: string
  /** Our end of the connection. */
  readonly port: number | undefined
  readonly isReused: boolean
}

/** What the client shows, and what it sends. */
export interface Ask {
  readonly shows?: readonly Made[]
  readonly headers?: Record<string, string | string[]>
  readonly agent?: Agent
  readonly more?: RequestOptions
}

/** A service behind TLS that asks for certificates and leaves it to its guard to judge them. */
export async function tlsDomain(options: Partial<GuardOptions>, bundle: Partial<TrustBundle> = {}) {
  const anchor = await generateKey({ alg: 'ES256', kid: 'anchor' })
  const clock = createFakeClock(NOW_MS)
  const sink = memorySink()
  let changed = () => {}
  const trustOf = (anchors: readonly Made[], more: Partial<TrustBundle> = {}): TrustBundle => ({
    trust_domains: { 'acme.test': { keys: [publicJwk(anchor), ...anchors.map((one) => bundleEntry(one))] } },
    ...bundle,
    ...more,
  })
  let current = trustOf([root])
  const ledger = await createWorkload({
    id: 'spiffe://acme.test/ledger',
    credentials: selfIssued({ keys: [anchor] }),
    trust: {
      load: () => current,
      watch: (callback) => {
        changed = callback
        return { close: () => undefined }
      },
    },
    audit: sink,
    clock,
    audiences: ['https://ledger.test'],
  })
  const seen: Record<string, unknown>[] = []
  const listener = guard(
    ledger,
    { policy: { decide: ({ peer }) => ({ effect: peer.id === 'anonymous' ? 'deny' : 'allow' }) }, ...options },
    (req, res) => {
      seen.push({ ...req.headers })
      const { peer } = callOf(req)
      res.end(`${peer.id} ${peer.authenticatedBy}`)
    },
  )
  const own = makeLeaf({ by: root, uris: ['spiffe://acme.test/ledger'] })
  const tls = { cert: pemOf(own), key: keyOf(own), requestCert: true, rejectUnauthorized: false }
  const server = createServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask = ({ shows = [], headers = {}, agent, more = {} }: Ask = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const [leaf] = shows
      const shown = leaf === undefined ? {} : { cert: pemOf(...shows), key: keyOf(leaf) }
      const given = { host: '127.0.0.1', port, path: '/entries', headers, rejectUnauthorized: false, agent, ...shown }
      const req = httpsRequest({ ...given, agent: agent ?? false, ...more }, async (res) => {
        const socket = res.socket as TLSSocket
        const [port, isReused] = [socket.localPort, socket.isSessionReused()]
        let body = ''
        for await (const chunk of res) body += String(chunk)
        resolve({ status: res.statusCode ?? 0, body, port, isReused })
      })
      req.on('error', reject).end()
    })
  /** What was answered, and why, as the trail has it. */
  const outcome = async (asked: Promise<Answer>) => {
    const { status, body } = await asked
    await ledger.audit.flush()
    const event = sink.events.findLast(({ side }) => side === 'callee')
    return status === 200 ? body : `${status} ${event?.code} ${event?.step}`
  }
  return {
    ledger,
    clock,
    sink,
    seen,
    ask,
    outcome,
    trustOf,
    async setTrust(next: TrustBundle) {
      current = next
      const before = sink.events.length
      changed()
      while (!sink.events.slice(before).some(({ type }) => type === 'trust.changed')) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        await ledger.audit.flush()
      }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await ledger.close()
    },
  }
}
