import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { guard } from '../../src/adapters/fetch.ts'
import type { AuditEvent } from '../../src/audit/event.ts'
import { writeQuickstart } from '../../src/cli/init.ts'
import type { NoticeType } from '../../src/core/notice.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { credentialFile } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { policyFile } from '../../src/policy/policy-file.ts'
import type { TrustBundle } from '../../src/trust/bundle.ts'
import { trustFile } from '../../src/trust/source.ts'
import { createWorkload } from '../../src/workload/create-workload.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  await writeQuickstart(['acme.internal', 'orders=https://orders', 'ledger=https://ledger', '--dir', folder])
})
afterAll(() => rm(folder, { recursive: true }))

/** A sink that can be waited on for something that happens once. */
function watchedSink() {
  const waiting: { type: NoticeType; resolve: (event: AuditEvent) => void }[] = []
  return {
    write(events: readonly AuditEvent[]) {
      for (const event of events) {
        const at = waiting.findIndex(({ type }) => type === event.type)
        if (at !== -1) waiting.splice(at, 1)[0]?.resolve(event)
      }
    },
    next: (type: NoticeType) => new Promise<AuditEvent>((resolve) => waiting.push({ type, resolve })),
  }
}

async function rewrite(name: string, change: (content: never) => unknown): Promise<void> {
  const path = join(folder, name)
  const content = JSON.parse(await readFile(path, 'utf8')) as never
  await writeFile(`${path}.next`, JSON.stringify(change(content)))
  await rename(`${path}.next`, path)
}

it('keys and trust change under load and no call fails; what was retired is refused', async () => {
  const sink = watchedSink()
  let handle: (request: Request) => Promise<Response> = () => Promise.reject(new Error('nobody is there yet'))
  const start = (name: string): Promise<Workload> =>
    createWorkload({
      id: `spiffe://acme.internal/${name}`,
      credentials: credentialFile(join(folder, `${name}.json`)),
      trust: trustFile(join(folder, 'trust.json')),
      audit: sink,
      transport: (url, request) => handle(new Request(url, request)),
    })
  const ledger = await start('ledger')
  handle = guard(ledger, { policy: policyFile(join(folder, 'policy.json')) }, () => new Response('written'))
  const orders = await start('orders')
  let calls = 0
  let running = true
  const failures: unknown[] = []
  const load = (async () => {
    while (running) {
      const seal = calls % 3 === 0 ? 'always' : 'auto'
      const answer = await orders
        .fetch('https://ledger/entries', { method: 'POST', body: '{}', countersign: { seal } })
        .catch((error: unknown) => error)
      calls++
      // Nothing in here waits for the outside: files are noticed only if the loop turns.
      await new Promise((resolve) => setImmediate(resolve))
      if (!(answer instanceof Response) || answer.status !== 200) failures.push(answer)
    }
  })()

  const fresh = await generateKey({ alg: 'ES256' })
  const id = 'spiffe://acme.internal/orders'
  const both = (change: (bundle: TrustBundle) => TrustBundle) =>
    Promise.all([sink.next('trust.changed'), sink.next('trust.changed'), rewrite('trust.json', change)])
  const withKeys = (bundle: TrustBundle, keys: readonly Jwk[]): TrustBundle => ({
    ...bundle,
    workloads: { ...bundle.workloads, [id]: { ...bundle.workloads?.[id], keys } },
  })
  await both((bundle) => withKeys(bundle, [...(bundle.workloads?.[id]?.keys ?? []), publicJwk(fresh)]))
  const old = JSON.parse(await readFile(join(folder, 'orders.json'), 'utf8')) as { keys: Jwk[] }
  await Promise.all([
    sink.next('credentials.changed'),
    rewrite('orders.json', (content: { keys: Jwk[] }) => ({ keys: [fresh, ...content.keys.slice(1)] })),
  ])
  const before = calls
  while (calls < before + 20) await new Promise((resolve) => setImmediate(resolve))
  await both((bundle) => withKeys(bundle, [publicJwk(fresh)]))
  const after = calls
  while (calls < after + 20) await new Promise((resolve) => setImmediate(resolve))
  running = false
  await load
  expect(failures).toEqual([])

  await Promise.all([sink.next('credentials.changed'), rewrite('orders.json', () => old)])
  expect((await orders.fetch('https://ledger/entries')).status).toBe(400)
  await Promise.all([sink.next('trust.rejected'), writeFile(join(folder, 'trust.json'), '{ half a fi')])
  expect(ledger.health()).toEqual({ ok: true, problems: [] })
  await orders.close()
  await ledger.close()
}, 30_000)
