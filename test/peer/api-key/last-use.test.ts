import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ErrorDetail } from '../../../src/core/errors.ts'
import type { Schedule } from '../../../src/core/schedule.ts'
import { LastUseFile, lastUsePath, readLastUses } from '../../../src/peer/api-key/last-use.ts'

const [A, B, GONE] = ['AAAAAAAAAAA', 'BBBBBBBBBBB', 'CCCCCCCCCCC']

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-use-'))
  path = lastUsePath(join(folder, 'keys.json'))
})
afterEach(() => rm(folder, { recursive: true }))

/** A file of uses, whose timer runs when it is told to. */
function tracked(where = path) {
  const tasks: { task: () => void; delayMs: number }[] = []
  const failures: ErrorDetail[] = []
  const schedule: Schedule = (task, delayMs) => {
    const one = { task, delayMs }
    tasks.push(one)
    return { cancel: () => void tasks.splice(tasks.indexOf(one), 1), unref: () => undefined }
  }
  const isKnown = (id: string) => id !== GONE
  const file = new LastUseFile(where, { isKnown, failed: (detail) => failures.push(detail), schedule })
  return { file, tasks, failures }
}

describe('when keys were last used', () => {
  it('is written once a minute at most, whole, and for the owner of the file alone', async () => {
    const { file, tasks } = tracked()
    for (let at = 1; at <= 5; at++) file.touched(A, at)
    file.touched(B, 2)
    expect(tasks.map(({ delayMs }) => delayMs)).toEqual([60_000])
    tasks[0]?.task()
    await file.flush()
    expect(await readLastUses(path)).toEqual(
      new Map([
        [A, 5],
        [B, 2],
      ]),
    )
    expect((await stat(path)).mode & 0o077).toBe(0)
    expect(tasks).toEqual([])
    file.touched(A, 6)
    expect(tasks).toHaveLength(1)
    await file.flush()
    expect([(await readLastUses(path)).get(A), tasks.length]).toEqual([6, 0])
  })

  it('is what the latest of several processes says, and of keys that are there', async () => {
    await writeFile(path, JSON.stringify({ lastUse: { [A]: 9, [B]: 1, [GONE]: 5 } }))
    const { file } = tracked()
    file.touched(A, 3)
    file.touched(B, 3)
    await file.flush()
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ lastUse: { [A]: 9, [B]: 3 } })
  })

  it('that cannot be read says nothing', async () => {
    expect(await readLastUses(path)).toEqual(new Map())
    for (const text of [
      '',
      '{',
      'null',
      '7',
      '{"lastUse":7}',
      '{"lastUse":null}',
      `{"lastUse":{"x":1,"${A}":"1","${B}":8640000000000001}}`,
    ]) {
      await writeFile(path, text)
      expect(await readLastUses(path)).toEqual(new Map())
    }
  })

  it('that cannot be written is told once, and written when it can be', async () => {
    const where = join(folder, 'nowhere', 'use.json')
    const { file, failures } = tracked(where)
    for (const at of [1, 2]) {
      file.touched(A, at)
      await file.flush()
    }
    expect(failures).toEqual([{ option: where, fix: expect.stringContaining('cannot be written') }])
    await mkdir(join(folder, 'nowhere'))
    file.touched(B, 1)
    await file.flush()
    expect(await readLastUses(where)).toEqual(
      new Map([
        [A, 2],
        [B, 1],
      ]),
    )
  })
})
