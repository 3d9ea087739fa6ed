/// <reference lib="esnext.disposable" preserve="true" />
import { platform } from '#platform'
import { consoleSink } from '../audit/console-sink.ts'
import type { AuditSink } from '../audit/sink.ts'
import { type AuditTrail, auditTrail } from '../audit/trail.ts'
import { targetOf } from '../core/canonical.ts'
import { systemClock } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import type { Engine, PeerLookup } from '../flow/engine.ts'
import type { ClientOptions } from '../flow/outbound/call-options.ts'
import { clientOptionsSchema } from '../flow/outbound/schema.ts'
import { createPeerMemory } from '../flow/peer-memory.ts'
import { createProvenWorkloads } from '../flow/proven-workloads.ts'
import { createRation } from '../flow/ration.ts'
import { createSessions, endSessions, type SessionMatcher } from '../flow/sessions.ts'
import { bindEngine, type SecureFetch, type Workload } from '../flow/workload.ts'
import { parseWorkloadId } from '../identity/workload-id.ts'
import { type CertificateHolderOptions, createCertificateHolder } from '../keys/certificate-holder.ts'
import { memoryReplay } from '../replay/memory-replay.ts'
import { createTokenVerifier } from '../token/verify-wit.ts'
import { createCredentialHolder } from '../token/wallet.ts'
import { createTrustHolder, type TrustHolder } from '../trust/holder.ts'
import { createLifetime } from './lifetime.ts'
import { runtimeFetch } from './runtime-fetch.ts'
import { workloadOptionsSchema } from './schema.ts'
import { secureFetch } from './secure-fetch.ts'
import { withBearer } from './with-bearer.ts'
import type { WorkloadOptions } from './workload-options.ts'

const UNPROVEN_SIGNATURES = { count: 2_000, perMs: 1_000, monotonicMs: platform.monotonicMs }

/**
 * Makes a workload: reads its credentials and trust, checks every option, and gives what calls are made with and guards
 * are built from. It proves that the credentials name this workload; it does not prove that peers trust them.
 *
 * @throws `option-invalid`, `credentials-invalid`, `trust-invalid`, `no-disk`: each names the option and the fix
 * @example
 * const orders = await createWorkload({
 *   id: 'spiffe://acme.internal/orders',
 *   credentials: credentialFile('countersign/orders.json'),
 *   trust: trustFile('countersign/trust.json'),
 * })
 * const answer = await orders.fetch('http://ledger/entries')
 */
export async function createWorkload(options: WorkloadOptions): Promise<Workload> {
  const checked = checkOptions(workloadOptionsSchema, options, 'options')
  const { id } = parseWorkloadId(checked.id)
  const clock = checked.clock ?? systemClock
  const trail = trailOf(checked.audit)
  const audit = trail.for({ workload: id, clock })
  const { trust, credentials, certificate } = await hold(checked, { id, clock, report: audit.report })
  const toleranceSeconds = checked.clockToleranceSeconds ?? 30
  const { onClose, assertOpen, end } = createLifetime()
  const engine: Engine = Object.freeze({
    id,
    clock,
    toleranceSeconds,
    mode: checked.mode ?? 'enforce',
    credentials,
    certificate,
    trust,
    tokens: createTokenVerifier({ clock, toleranceSeconds, renew: (origin) => trust.renew(origin) }),
    replay: checked.replay ?? memoryReplay({ clock }),
    audit,
    report: audit.report,
    audiences: Object.freeze([...(checked.audiences ?? [])]),
    peerAt: peerLookup(checked.peers, trust),
    transport: checked.transport ?? runtimeFetch,
    peers: createPeerMemory(),
    unproven: createRation(UNPROVEN_SIGNATURES),
    proven: createProvenWorkloads(),
    sessions: checked.sessions === false ? undefined : createSessions(checked.sessions ?? {}, clock),
    onClose,
    assertOpen,
  })
  onClose(() => {
    trust.close()
    credentials.close()
    certificate?.close()
    engine.sessions?.table.end(() => true)
  })
  const workload = workloadOf(engine, async () => {
    const ended = end()
    if (ended === undefined) return
    await ended
    audit.write({ type: 'workload.closed' })
    // A trail of the caller's own may serve others: only what this workload made for itself is closed.
    await (trail === checked.audit ? trail.flush() : trail.close())
  })
  audit.write({ type: 'workload.started' })
  return workload
}

/** Reads what may change while the workload runs: whom it believes, its keys and, where it has one, its certificate. */
async function hold(
  { trust: trusted, credentials: source, certificate: shown }: WorkloadOptions,
  about: Omit<CertificateHolderOptions, 'source'>,
) {
  const held: { close(): void }[] = []
  const keep = <T extends { close(): void }>(holder: T): T => {
    held.push(holder)
    return holder
  }
  try {
    const trust = keep(await createTrustHolder(trusted, about))
    const credentials = keep(await createCredentialHolder({ ...about, source }))
    const certificate = shown && (await createCertificateHolder({ ...about, source: shown }))
    return { trust, credentials, certificate }
  } catch (error) {
    for (const holder of held) holder.close()
    throw error
  }
}

function workloadOf(engine: Engine, close: () => Promise<void>): Workload {
  const workload: Workload = Object.freeze({
    id: engine.id,
    audit: engine.audit,
    fetch: secureFetch(engine, { peerAt: engine.peerAt, baseUrl: undefined, basePath: '' }, {}),
    client: (options: ClientOptions) => clientOf(engine, options),
    health() {
      const { credentials, certificate, trust } = engine
      const found = [...credentials.health(), ...(certificate?.health() ?? []), ...trust.health()]
      const problems = [...new Set(found)]
      return { ok: problems.length === 0, problems }
    },
    endSessions: (matches: SessionMatcher) => endSessions(engine, matches),
    close,
    [Symbol.asyncDispose]: close,
  })
  bindEngine(workload, engine)
  return workload
}

function clientOf(engine: Engine, options: ClientOptions): SecureFetch {
  const { peer, baseUrl, bearer, ...defaults } = checkOptions(clientOptionsSchema, options, 'client options')
  const { id } = parseWorkloadId(peer)
  const base = baseUrl ?? engine.trust.current().originsOf(id)[0]
  const basePath = base === undefined ? '' : new URL(base).pathname.replace(/\/$/, '')
  const send = secureFetch(engine, { peerAt: () => id, baseUrl: base, basePath }, defaults)
  if (bearer === undefined) return send
  const pathOf = (url: URL) => targetOf(url).path
  // The answer proves who gave it, and by then the token is with whoever got the call.
  const goesTo = (url: URL) => base === undefined || url.origin === new URL(base).origin || engine.peerAt(url) === id
  return withBearer({ source: bearer, clock: engine.clock, send, baseUrl: base, pathOf, goesTo })
}

function peerLookup(peers: WorkloadOptions['peers'], trust: TrustHolder): PeerLookup {
  if (typeof peers === 'function') return (url) => peers(new URL(url.href)) ?? trust.current().peerAt(url.origin)
  const known = new Map<string, string>()
  for (const [origin, peer] of Object.entries(peers ?? {})) known.set(originOf(origin), parseWorkloadId(peer).id)
  return (url) => known.get(url.origin) ?? trust.current().peerAt(url.origin)
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  // Condition: a peer directory that names something else than origins is refused.
  if (url === undefined || url.origin === 'null' || (text !== url.origin && text !== `${url.origin}/`)) {
    throw new CountersignError('option-invalid', {
      detail: { option: `options.peers["${text}"]`, fix: 'give an origin, such as http://ledger:8080' },
    })
  }
  return url.origin
}

function trailOf(audit: WorkloadOptions['audit']): AuditTrail {
  if (audit === undefined) return auditTrail({ sinks: consoleSink() })
  if ('record' in audit) return audit
  return auditTrail({ sinks: audit as AuditSink | AuditSink[] })
}
