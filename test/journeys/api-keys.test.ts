import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import express from 'express'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/express.ts'
import { apiKey } from '../../src/peer/api-key/api-key.ts'
import { type ApiKeyFile, apiKeyFile } from '../../src/peer/api-key/api-key-file.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { type PolicyFile, policyFile } from '../../src/policy/policy-file.ts'
import { calleeEvents, type SocketDomain, socketDomain } from './domain.ts'
import { listen, type Service } from './servers.ts'

const main = join(import.meta.dirname, '../../dist/cli/main.js')
const runFile = promisify(execFile)
const rules = [
  {
    id: 'keys',
    from: ['api-key:export'],
    to: ['GET /invoices'],
    when: { authenticatedBy: ['api-key'], scope: ['read'] },
  },
  { id: 'named', from: ['api-key:export', 'spiffe://acme.test/*'], to: ['* /*'] },
].map((rule) => ({ effect: 'allow', ...rule }))

let folder: string
let file: string
let store: ApiKeyFile
let policy: PolicyFile
let domain: SocketDomain
let service: Service
const seen: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-journey-'))
  file = join(folder, 'api-keys.json')
  await writeFile(join(folder, 'policy.json'), JSON.stringify({ version: 1, rules }))
  policy = policyFile(join(folder, 'policy.json'))
  domain = await socketDomain()
})
afterAll(async () => {
  await service.close()
  await domain.ledger.close()
  policy.close()
  await store.close()
  await rm(folder, { recursive: true })
})

/** The command as it is installed, each time a process of its own. */
async function api(name: string, ...args: string[]) {
  const { stdout } = await runFile(process.execPath, [main, 'keys', 'api', name, '--file', file, '--json', ...args])
  return JSON.parse(stdout)
}

async function ask(key: string, path = '/invoices'): Promise<number> {
  return (await fetch(service.origin + path, { headers: { 'x-api-key': key } })).status
}

/** Shows a key in two fields, which fetch would not. */
function askTwice(key: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = ['host', '127.0.0.1', 'x-api-key', key, 'X-Api-Key', key]
    const sent = request(`${service.origin}/invoices`, { headers, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.on('error', reject).end()
  })
}

/** Waits until the service has heard of a change; fails with the test where it never does. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function start(): Promise<void> {
  store = apiKeyFile(file)
  const app = express()
  app.use(guard(domain.ledger, { policy, accept: [workloadProof(), apiKey({ store })] }))
  app.use((req, res) => {
    seen.push(JSON.stringify([req.headers, req.rawHeaders, req.get('x-api-key') ?? 'none']))
    const { id, scopes } = callOf(req).peer
    res.json({ id, scopes })
  })
  service = await listen(createServer(app))
}

it('keys in a file open what is theirs while they are made, rotated, revoked, and half written', async () => {
  // A service that starts before there are keys: nobody is called bad for it.
  await start()
  const stranger = 'csk_0123456789A_00000000000000000000000000000000000000000003xT4ax'
  expect(await ask(stranger)).toBe(503)

  // Three processes at once lose nothing.
  const [old, other] = await Promise.all([
    api('create', '--owner', 'export', '--scope', 'read'),
    api('create', '--owner', 'export'),
    api('create', '--owner', 'somebody-else', '--scope', 'read'),
  ])
  await until(async () => (await ask(old.key)) === 200 && (await ask(other.key)) === 403)
  expect(await ask(stranger)).toBe(401)
  const answer = await fetch(`${service.origin}/invoices`, { headers: { 'x-api-key': old.key } })
  expect(await answer.json()).toEqual({ id: 'api-key:export', scopes: ['read'] })
  // A key without the scope, and a path that only rules without `api-key` allow.
  expect([await ask(other.key), await ask(old.key, '/charges')]).toEqual([403, 403])

  // One field, one key: the same one twice is no key.
  expect(await askTwice(old.key)).toBe(401)

  // Rotation: both hold until the overlap is over, by the clock of the service.
  const next = await api('create', '--rotate', old.id, '--overlap', '600')
  await until(async () => (await ask(next.key)) === 200)
  expect(await ask(old.key)).toBe(200)
  domain.domain.clock.advance(700)
  expect([await ask(old.key), await ask(next.key)]).toEqual([401, 200])

  // A version that is half written changes nothing, though it would revoke; the whole one does at once.
  const before = await readFile(file, 'utf8')
  await api('revoke', next.id)
  const revoked = await readFile(file, 'utf8')
  await until(async () => (await ask(next.key)) === 401)
  await writeFile(file, before)
  await until(async () => (await ask(next.key)) === 200)
  await writeFile(file, revoked.slice(0, -20))
  const rejected = async () => {
    await domain.ledger.audit.flush()
    return domain.domain.sink.events.filter(
      ({ type, note }) => type === 'api-keys.rejected' && note === 'write valid JSON',
    )
  }
  await until(async () => (await rejected()).length > 0)
  expect(await ask(next.key)).toBe(200)
  await writeFile(file, revoked)
  await until(async () => (await ask(next.key)) === 401)

  // Workloads call beside them as ever, and no handler, event or answer has seen a key.
  const orders = await domain.caller('orders', service.origin)
  expect((await orders.fetch(`${service.origin}/charges`, { headers: { 'x-api-key': next.key } })).status).toBe(200)
  await orders.close()
  const events = await calleeEvents(domain)
  expect(events.find(({ keyId, status }) => keyId === next.id && status === 200)).toMatchObject({
    peer: 'api-key:export',
    authenticatedBy: 'api-key',
    rule: 'keys',
  })
  for (const { key } of [old, other, next]) expect(JSON.stringify([seen, events])).not.toContain(key.slice(16, -6))
  expect(seen.every((one) => one.endsWith('"none"]'))).toBe(true)

  // The last use is there when the workload is gone.
  await domain.ledger.close()
  await store.close()
  const { keys } = await api('list')
  expect(keys.map(({ id, lastUsedAt }: { id: string; lastUsedAt?: number }) => [id, lastUsedAt !== undefined])).toEqual(
    expect.arrayContaining([
      [old.id, true],
      [next.id, true],
    ]),
  )
}, 60_000)
