import { mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { withLock } from '../../src/cli/lock.ts'
import { run } from '../../src/cli/run.ts'
import { checkKey } from '../../src/peer/api-key/check.ts'
import { idOfKey } from '../../src/peer/api-key/key-text.ts'
import { memoryApiKeys } from '../../src/peer/api-key/memory-api-keys.ts'
import type { ApiKeyEntry, ApiKeyRecord } from '../../src/peer/api-key/record.ts'
import { parsePolicy } from '../../src/policy/define-policy.ts'
import { refusalOf } from '../core/refusal.ts'
import { command } from './command.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'countersign-cli-')))
  file = join(folder, 'keys.json')
})
afterEach(() => rm(folder, { recursive: true }))

const api = async (name: string, ...args: string[]) => {
  const { code, out, err } = await command(['keys', 'api', name, '--file', file, ...args])
  return { code, out: out.toString(), err }
}
const made = async (...args: string[]) => JSON.parse((await api('create', '--json', ...args)).out)
const records = async (): Promise<ApiKeyRecord[]> => JSON.parse(await readFile(file, 'utf8')).keys
const listed = async (...args: string[]): Promise<(ApiKeyEntry & { state: string })[]> =>
  JSON.parse((await api('list', '--json', ...args)).out).keys
const holds = async (key: string, now = Date.now()) => {
  const store = memoryApiKeys(await records())
  return (async () => (await checkKey(store, { now: () => now }, key)).id)().catch(({ detail }) => detail.step)
}

describe('countersign keys api create', () => {
  it('prints a key that holds, once and alone, and keeps a hash of it for the owner of the file alone', async () => {
    const { code, out, err } = await api('create', '--owner', 'billing', '--scope', 'read', '--scope', 'write')
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^csk_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}\n$/)
    const key = out.trim()
    expect(await holds(key)).toBe('api-key:billing')
    expect(await records()).toMatchObject([{ id: idOfKey(key), owner: 'billing', scopes: ['read', 'write'] }])
    expect(await readFile(file, 'utf8')).not.toContain(key.slice(16, -6))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['keys.json'])
  })

  it('says on a terminal that the key is not shown again', async () => {
    const { out, err } = await command(['keys', 'api', 'create', '--file', file, '--owner', 'x'], undefined, true)
    expect(err).toBe(`key ${idOfKey(out.toString().trim())} of x: it is not shown again\n`)
  })

  it('prints JSON where it is told to', async () => {
    const key = await made('--owner', 'x', '--expires', '2999-01-01T00:00:00+01:00')
    expect(key).toEqual({
      key: expect.stringMatching(/^csk_/),
      id: idOfKey(key.key),
      owner: 'x',
      scopes: [],
      createdAt: expect.any(Number),
      expiresAt: Date.parse('2998-12-31T23:00:00Z'),
    })
  })

  it('adds to the keys that are there, and of many at once loses none', async () => {
    const owners = Array.from({ length: 8 }, (_, i) => `owner-${i}`)
    const codes = await Promise.all(owners.map(async (owner) => (await api('create', '--owner', owner)).code))
    expect(codes).toEqual(owners.map(() => 0))
    expect((await records()).map(({ owner }) => owner).sort()).toEqual([...owners].sort())
    expect(await readdir(folder)).toEqual(['keys.json'])
  })

  it('rotates a key: both hold until the overlap is over', async () => {
    const old = await made('--owner', 'billing', '--scope', 'read')
    const before = Date.now()
    const next = await made('--rotate', old.id, '--overlap', '60')
    expect(next).toMatchObject({ owner: 'billing', scopes: ['read'], replaces: { id: old.id } })
    const end: number = next.replaces.expiresAt
    expect(end - before).toBeGreaterThanOrEqual(60_000)
    expect(end - before).toBeLessThan(70_000)
    expect([await holds(old.key, end - 1), await holds(old.key, end)]).toEqual(['api-key:billing', 'expired'])
    expect([await holds(next.key, before + 100), await holds(next.key, end + 1e12)]).toEqual(
      Array(2).fill('api-key:billing'),
    )
    // By default for a day; an end that comes sooner stays.
    const third = await made('--rotate', next.id)
    expect(third.replaces.expiresAt - Date.now()).toBeGreaterThan(86_000_000)
    const again = await made('--rotate', old.id, '--expires', 'never')
    expect(again.replaces.expiresAt).toBe(end)
  })

  it('a rotation does not quietly make an API key that never ends from one that does', async () => {
    const old = await made('--owner', 'x', '--expires', '2999-01-01T00:00:00Z')
    const before = await readFile(file, 'utf8')
    expect(await api('create', '--rotate', old.id)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('--expires'),
    })
    expect(await readFile(file, 'utf8')).toBe(before)
    expect(await made('--rotate', old.id, '--expires', 'never')).not.toHaveProperty('expiresAt')
    const end = await made('--rotate', old.id, '--expires', '2998-01-01T00:00:00Z')
    expect(end.expiresAt).toBe(Date.parse('2998-01-01T00:00:00Z'))
  })

  it('an API key that holds no more is not rotated', async () => {
    const [revoked, expired] = [await made('--owner', 'x'), await made('--owner', 'x')]
    await api('revoke', revoked.id)
    await made('--rotate', expired.id, '--overlap', '0')
    for (const [{ id }, state] of [
      [revoked, 'revoked'],
      [expired, 'expired'],
    ] as const)
      expect(await api('create', '--rotate', id, '--expires', 'never')).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining(`--rotate: the key is ${state}`),
      })
  })

  it("a new API key is either somebody's or takes the place of another", async () => {
    const { id } = await made('--owner', 'x')
    for (const args of [
      [],
      ['--owner', 'x', '--rotate', id],
      ['--rotate', id, '--scope', 'a'],
      ['--owner', 'x', '--overlap', '1'],
    ])
      expect((await api('create', ...args)).code).toBe(2)
    expect(await records()).toHaveLength(1)
  })

  it('an end of an API key that does not exist, has no offset or has passed is refused', async () => {
    for (const expires of [
      '2999-02-30T00:00:00Z',
      '2999-01-01',
      '2999-01-01T00:00:00',
      '1999-01-01T00:00:00Z',
      '90d',
      '',
    ])
      expect(await api('create', '--owner', 'x', '--expires', expires)).toMatchObject({
        code: 2,
        err: expect.stringContaining('--expires'),
      })
    expect(await readdir(folder)).toEqual([])
  })

  it('an overlap of API keys that is no number of seconds, or longer than a year, is refused', async () => {
    const { id } = await made('--owner', 'x')
    for (const overlap of ['', '1.5', '1e3', 'day', '31622401', '99999999999'])
      expect(await api('create', '--rotate', id, '--overlap', overlap)).toMatchObject({
        code: 2,
        err: expect.stringContaining('--overlap'),
      })
    expect((await api('create', '--rotate', id, '--overlap', '31622400')).code).toBe(0)
  })

  it('names what is wrong', async () => {
    for (const [args, named] of [
      [['--owner', 'a b'], '--owner'],
      [['--owner', 'api*'], '--owner'],
      [['--owner', 'x', '--scope', 'a b'], '--scope'],
      [['--owner', 'x', '--scope', 'a', '--scope', 'a'], '--scope'],
    ] as const)
      expect(await api('create', ...args)).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining(`${named}: `),
      })
    expect(await readdir(folder)).toEqual([])
    file = join(folder, 'nowhere', 'keys.json')
    expect(await api('create', '--owner', 'x')).toMatchObject({ code: 1, err: expect.stringContaining(file) })
  })

  it('an API key that could not be shown is told of, so that it is not left lying about', async () => {
    const failing = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('x'), { code: 'ENOSPC', syscall: 'write' })),
    })
    const said: string[] = []
    const stderr = new Writable({
      write(chunk, _encoding, done) {
        said.push(String(chunk))
        done()
      },
    })
    const code = await run(['keys', 'api', 'create', '--file', file, '--owner', 'x'], {
      stdin: process.stdin,
      stdout: failing,
      stderr,
    })
    const [record] = await records()
    expect([code, said.join('')]).toEqual([
      1,
      expect.stringContaining(`key ${record?.id} is made and nobody has it: revoke it`),
    ])
  })

  it('changes what a link leads to, and leaves a file that is broken as it is', async () => {
    const real = file
    await made('--owner', 'x')
    file = join(folder, 'link.json')
    await symlink(real, file)
    await made('--owner', 'y')
    file = real
    expect((await stat(real)).isFile()).toBe(true)
    expect((await records()).map(({ owner }) => owner)).toEqual(['x', 'y'])
    await writeFile(real, '{"keys":[')
    expect(await api('create', '--owner', 'z')).toMatchObject({ code: 1, out: '', err: expect.stringContaining(real) })
    expect(await readFile(real, 'utf8')).toBe('{"keys":[')
    expect((await readdir(folder)).sort()).toEqual(['keys.json', 'link.json'])
  })
})

it('a file of API keys is not taken from its owner, whose service could not read the change', async () => {
  const ours = process.getuid?.()
  if (ours === undefined) return
  const { id } = await made('--owner', 'a')
  const before = await readFile(file, 'utf8')
  vi.spyOn(process, 'getuid').mockReturnValue(ours + 1)
  const outcomes = [await api('revoke', id), await api('create', '--owner', 'b')]
  vi.restoreAllMocks()
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ code: 1, out: '', err: expect.stringContaining('another user') })
  expect(await readFile(file, 'utf8')).toBe(before)
})

describe('countersign keys api list', () => {
  it('tells of all keys, in a table or as JSON, and shows no hash', async () => {
    const [a, b, c] = [
      await made('--owner', 'a', '--scope', 'r', '--scope', 'w'),
      await made('--owner', 'b'),
      await made('--owner', 'c'),
    ]
    await api('revoke', b.id)
    await made('--rotate', c.id, '--overlap', '0')
    await writeFile(`${file}.last-use.json`, JSON.stringify({ lastUse: { [a.id]: 1_800_000_000_000 } }))
    expect((await listed()).map(({ owner, state, lastUsedAt }) => [owner, state, lastUsedAt])).toEqual([
      ['a', 'live', 1_800_000_000_000],
      ['b', 'revoked', undefined],
      ['c', 'expired', undefined],
      ['c', 'live', undefined],
    ])
    const { out } = await api('list')
    const [head, first, second] = out.split('\n')
    expect(head).toMatch(/^id +owner +scopes +created +ends +last used +state$/)
    expect(first).toMatch(new RegExp(`^${a.id}  a +r w +2\\S+Z  - +2027-01-15T08:00:00Z  live$`))
    expect(second).toMatch(new RegExp(`^${b.id}  b +- +2\\S+Z  2\\S+Z  - +revoked$`))
    for (const { hash } of await records()) expect(out + JSON.stringify(await listed())).not.toContain(hash)
    await writeFile(join(folder, 'use'), JSON.stringify({ lastUse: { [b.id]: 5 } }))
    expect((await listed('--last-use', join(folder, 'use'))).map(({ lastUsedAt }) => lastUsedAt).slice(0, 2)).toEqual([
      undefined,
      5,
    ])
  })

  it('names a file that is not there or broken', async () => {
    expect(await api('list')).toMatchObject({ code: 1, out: '', err: expect.stringContaining(file) })
    await writeFile(file, '{"keys":[]}')
    expect(await api('list')).toMatchObject({ code: 0, out: 'no keys\n' })
    await writeFile(file, '{"keys":[{"id":"x"}]}')
    const { code, err } = await api('list', '--json')
    expect([code, JSON.parse(err).detail.option]).toEqual([1, `${file} keys.0.id`])
  })
})

describe('countersign keys api revoke', () => {
  it('ends keys at once, by their ids or by themselves, and again is no other', async () => {
    const [a, b, c] = [await made('--owner', 'a'), await made('--owner', 'b'), await made('--owner', 'c')]
    expect(await api('revoke', a.id, b.key)).toMatchObject({
      code: 0,
      out: `revoked ${a.id} of a\nrevoked ${b.id} of b\n`,
    })
    expect([await holds(a.key), await holds(b.key), await holds(c.key)]).toEqual(['revoked', 'revoked', 'api-key:c'])
    const before = await records()
    const again = JSON.parse((await api('revoke', '--json', a.id, a.id)).out)
    expect(again).toEqual({ revoked: [{ id: a.id, owner: 'a', revokedAt: before[0]?.revokedAt }] })
    expect(await records()).toEqual(before)
  })

  it('an id of which the file knows no API key changes nothing', async () => {
    const { id } = await made('--owner', 'a')
    const before = await readFile(file, 'utf8')
    expect(await api('revoke', id, '00000000000')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('00000000000'),
    })
    expect(await readFile(file, 'utf8')).toBe(before)
  })

  it('what is neither the id of an API key nor an API key is refused, and not repeated', async () => {
    const { id, key } = await made('--owner', 'a')
    for (const bad of ['', id.slice(1), `${id}x`, key.slice(1), key.slice(20)]) {
      const { code, err } = await api('revoke', bad)
      expect([code, bad === '' || !err.includes(bad)]).toEqual([2, true])
    }
  })
})

describe('countersign keys', () => {
  it('an option that a command about API keys does not take is refused', async () => {
    await made('--owner', 'a')
    for (const [name, option, ...more] of [
      ['list', '--owner', 'x'],
      ['revoke', '--overlap', '1', 'x'],
      ['create', '--last-use', 'x', '--owner', 'x'],
    ] as const)
      expect(await api(name, option, ...more)).toMatchObject({
        code: 2,
        err: expect.stringContaining(`"keys api ${name}" takes no ${option}`),
      })
    expect(await records()).toHaveLength(1)
    expect((await api('create', '--own', 'x')).code).toBe(2)
  })

  it('a command about API keys that names no file is refused', async () => {
    for (const args of [['list'], ['list', '--file', '']])
      expect(await command(['keys', 'api', ...args])).toMatchObject({ code: 2, err: expect.stringContaining('--file') })
  })

  it('an argument that a command about API keys does not take, or lacks, is refused', async () => {
    await made('--owner', 'a')
    expect((await api('list', 'x')).code).toBe(2)
    expect((await api('create', '--owner', 'x', 'y')).code).toBe(2)
    expect((await api('revoke')).code).toBe(2)
    expect(await records()).toHaveLength(1)
  })

  it('tells how it is called', async () => {
    for (const args of [
      ['keys', '--help'],
      ['keys', 'api', '--help'],
      ['keys', 'api', 'create', '-h'],
    ]) {
      const { code, out } = await command(args)
      expect([code, out.toString()]).toEqual([0, expect.stringContaining('countersign keys api create --file')])
    }
    for (const [args, named] of [
      [['keys'], 'say which keys: api'],
      [['keys', 'constructor'], 'no command "keys constructor"'],
      [['keys', 'api'], 'say what to do'],
      [['keys', 'api', 'toString'], 'no command "keys api toString"'],
    ] as const)
      expect(await command(args)).toMatchObject({ code: 2, err: expect.stringContaining(named) })
  })
})

describe('the page on API keys', () => {
  it('has commands that work, and a rule that lets the key in', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/api-keys.md'), 'utf8')
    const [, block = ''] = /```sh\n([\s\S]*?)```/.exec(page) ?? []
    let id = ''
    for (const line of block.trim().split('\n')) {
      const args = line.replace('npx countersign ', '').replace('countersign/api-keys.json', file).replace('<id>', id)
      const { code, err } = await command(args.split(' '))
      expect([line, code, err]).toEqual([line, 0, ''])
      id = (await records())[0]?.id ?? ''
    }
    expect((await listed()).map(({ state }) => state)).toEqual(['revoked', 'live'])
    const [, rule = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? []
    const policy = parsePolicy({ version: 1, rules: [JSON.parse(rule)] })
    const [, record] = await records()
    const { owner = '', scopes = [] } = record ?? {}
    const peer = { id: `api-key:${owner}`, authenticatedBy: 'api-key', scopes, claims: {}, also: [] }
    expect(policy.decide({ peer, method: 'GET', path: '/invoices/7' }).effect).toBe('allow')
    expect(page).toContain(String.raw`\bcsk_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}\b`)
  })
})

describe('withLock', () => {
  const { signal } = new AbortController()

  it('lets one work at a time, and is gone afterwards, whatever came of it', async () => {
    const steps: string[] = []
    const work = (name: string) =>
      withLock(file, { signal }, async () => {
        steps.push(name)
        await pause(30)
        steps.push(name)
        if (name === 'a') throw new Error('failed')
      })
    await Promise.allSettled([work('a'), work('b'), work('c')])
    expect([steps[0], steps[2], steps[4]]).toEqual([steps[1], steps[3], steps[5]])
    expect(await readdir(folder)).toEqual([])
  })

  it('a file whose lock another command holds for too long is left as it is', async () => {
    await writeFile(`${file}.lock`, '')
    const worked: string[] = []
    const error = await refusalOf(() => withLock(file, { signal, patienceMs: 50 }, async () => void worked.push('x')))
    expect(error).toMatchObject({ code: 'option-invalid', detail: { option: `${file}.lock` } })
    expect([worked, await readdir(folder)]).toEqual([[], ['keys.json.lock']])
    const stop = new AbortController()
    const waiting = withLock(file, { signal: stop.signal }, async () => void worked.push('x'))
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  })
})
