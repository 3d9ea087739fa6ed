import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { FollowedFile } from '../../src/keys/followed-file.ts'
import { ReportedFile } from '../../src/keys/reported-file.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import { until } from '../trust/key-server.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

const unread = () => new CountersignError('policy-unavailable')

async function followed(text?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-followed-'))
  open.push(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'file.json')
  if (text !== undefined) await writeFile(path, text)
  const told: string[] = []
  const file = new FollowedFile<number>({
    path,
    parse: (given) => {
      const value: unknown = JSON.parse(given)
      if (typeof value !== 'number') throw new CountersignError('policy-invalid')
      return value
    },
    code: 'policy-invalid',
    unread,
    changed: () => told.push('changed'),
    rejected: () => told.push('rejected'),
  })
  open.push(() => file.close())
  return { path, file, told, write: (next: string) => writeFile(path, next) }
}

describe('a file that is followed', () => {
  it('gives its first version as soon as it is read, and each that follows', async () => {
    const { file, told, write } = await followed('1')
    expect(refusal(() => file.current()).code).toBe('policy-unavailable')
    expect(await file.soon()).toBe(1)
    expect(file.soon()).toBe(1)
    await write('2')
    await until(() => file.held === 2)
    expect(told).toEqual(['changed'])
  })

  it('a followed file of which no version could be used gives nothing', async () => {
    const { file, told, write } = await followed()
    expect((await refusalOf(() => file.ready())).code).toBe('policy-invalid')
    expect(refusal(() => file.soon()).code).toBe('policy-invalid')
    await write('3')
    await until(() => file.held === 3)
    expect(told).toEqual(['rejected', 'changed'])
  })

  it('a new version of a followed file that cannot be used leaves the one before in place', async () => {
    const { file, told, write } = await followed('1')
    await file.ready()
    for (const bad of ['"x"', '{', '']) {
      const before = told.length
      await write(bad)
      await until(() => told.length > before)
      expect([file.held, file.failure]).toEqual([1, expect.any(CountersignError)])
    }
    await write('1')
    await until(() => file.failure === undefined)
    expect(told).not.toContain('changed')
  })

  it('is followed no more once it was closed', async () => {
    const { file, told, write } = await followed('1')
    await file.ready()
    file.close()
    await write('2')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([file.held, told]).toEqual([1, []])
  })
})

describe('a file whose changes trails hear of', () => {
  it('tells each trail once, and late ones what is wrong now', async () => {
    const { path, write } = await followed('{')
    const options = {
      path,
      parse: (text: string) => JSON.parse(text) as unknown,
      code: 'policy-invalid',
      unread,
    } as const
    const reported = new ReportedFile(options, { changed: 'policy.changed', rejected: 'policy.rejected' })
    open.push(() => reported.close())
    await refusalOf(() => reported.file.ready())
    const told: string[] = []
    const report = (type: string) => void told.push(type)
    reported.bind(report)
    reported.bind(report)
    expect(told).toEqual(['policy.rejected'])
    await write('1')
    await until(() => told.length > 1)
    expect(told).toEqual(['policy.rejected', 'policy.changed'])
  })
})
