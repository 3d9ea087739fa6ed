import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { guard } from '../../src/adapters/fetch.ts'
import { memorySink } from '../../src/audit/memory-sink.ts'
import { writeQuickstart } from '../../src/cli/init.ts'
import { credentialFile } from '../../src/keys/credentials.ts'
import { policyFile } from '../../src/policy/policy-file.ts'
import { trustFile } from '../../src/trust/source.ts'
import { createWorkload } from '../../src/workload/create-workload.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('writes what two services need to call each other', async () => {
  const said = await writeQuickstart([
    'acme.internal',
    'orders=http://orders',
    'ledger=http://ledger:8080',
    '--dir',
    folder,
  ])
  expect(said).toContain(join(folder, 'orders.json'))
  expect((await stat(join(folder, 'orders.json'))).mode & 0o777).toBe(0o600)
  let handle: (request: Request) => Promise<Response> = () => Promise.reject(new Error('nobody is there yet'))
  const start = (name: string) =>
    createWorkload({
      id: `spiffe://acme.internal/${name}`,
      credentials: credentialFile(join(folder, `${name}.json`)),
      trust: trustFile(join(folder, 'trust.json')),
      audit: memorySink(),
      transport: (url, request) => handle(new Request(url, request)),
    })
  const ledger = await start('ledger')
  handle = guard(ledger, { policy: policyFile(join(folder, 'policy.json')) }, () => new Response('written'))
  const orders = await start('orders')
  expect(await (await orders.fetch('http://ledger:8080/entries', { method: 'POST', body: '{}' })).text()).toBe(
    'written',
  )
  await orders.close()
  await ledger.close()
})

it('init overwrites no file', async () => {
  await writeFile(join(folder, 'trust.json'), 'mine')
  await expect(writeQuickstart(['acme.internal', 'orders=http://orders', '--dir', folder])).rejects.toMatchObject({
    code: 'option-invalid',
  })
  expect(await readdir(folder)).toEqual(['trust.json'])
  expect(await readFile(join(folder, 'trust.json'), 'utf8')).toBe('mine')
})

it('names the folder where nothing can be written, and why', async () => {
  await writeFile(join(folder, 'file'), '')
  const within = join(folder, 'file', 'within')
  await expect(writeQuickstart(['acme.internal', 'orders=http://orders', '--dir', within])).rejects.toMatchObject({
    code: 'option-invalid',
    detail: { option: within, fix: 'it cannot be written (ENOTDIR: a part of its path is no folder)' },
  })
})

it.each([
  [[], 'trust-domain'],
  [['acme.internal'], 'service=origin'],
  [['acme.internal', 'orders'], 'orders'],
  [['acme.internal', 'orders=orders'], 'orders=orders'],
  [['acme.internal', 'orders=http://orders/path'], 'orders=http://orders/path'],
  [['acme.internal', 'trust=http://trust'], 'trust=http://trust'],
  [['acme.internal', '../x=http://x'], '../x'],
  [['Acme Internal', 'x=http://x'], 'workload identifier'],
  [['acme.internal', 'a=http://a', 'a=http://b'], 'once'],
  [['acme.internal', 'a=http://a', '--what'], 'what'],
])('says what is wrong with %j', async (args, word) => {
  await expect(writeQuickstart([...args, ...(args.includes('--what') ? [] : ['--dir', folder])])).rejects.toThrow(word)
  expect(await readdir(folder)).toEqual([])
})
