import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ErrorDetail } from '../../../src/core/errors.ts'
import type { NoticeType } from '../../../src/core/notice.ts'
import { type ApiKeyFile, apiKeyFile } from '../../../src/peer/api-key/api-key-file.ts'
import type { ApiKeyFileOptions } from '../../../src/peer/api-key/api-key-file-options.ts'
import type { FollowedStore } from '../../../src/peer/api-key/followed.ts'
import { parseKeyFile, printKeyFile } from '../../../src/peer/api-key/key-file.ts'
import { readLastUses } from '../../../src/peer/api-key/last-use.ts'
import type { ApiKeyRecord } from '../../../src/peer/api-key/record.ts'
import { refusal, refusalOf } from '../../core/refusal.ts'
import { keyOf } from './keys.ts'

type Notice = readonly [NoticeType, ErrorDetail | undefined]

/** Collects what is reported, and lets a test wait for it. */
function createListener() {
  const notices: Notice[] = []
  let wake = () => {}
  return {
    notices,
    report(type: NoticeType, detail?: ErrorDetail) {
      notices.push([type, detail])
      wake()
    },
    async until(count: number) {
      while (notices.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return notices[count - 1]
    },
  }
}

describe('apiKeyFile', () => {
  let folder: string
  let path: string
  let record: ApiKeyRecord
  let stores: ApiKeyFile[]
  const follow = (options: ApiKeyFileOptions = {}) => {
    const store = apiKeyFile(path, options) as ApiKeyFile & FollowedStore
    stores.push(store)
    return store
  }
  const replace = async (text: string) => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-keys-'))
    path = join(folder, 'keys.json')
    record = (await keyOf()).record
    stores = []
  })
  afterEach(async () => {
    for (const store of stores) await store.close()
    await rm(folder, { recursive: true })
  })

  it('finds with a promise until the file is read, then at once', async () => {
    await replace(printKeyFile([record]))
    const store = follow()
    const early = store.find(record.id)
    expect(early).toBeInstanceOf(Promise)
    expect(await early).toEqual(record)
    expect([store.find(record.id), store.find('00000000000')]).toEqual([record, undefined])
    await store.ready()
  })

  it('an API key file that could not be read or used gives no answer about any key', async () => {
    const store = follow()
    const wanted = { code: 'option-invalid', detail: { option: path } }
    expect(await refusalOf(async () => store.find(record.id))).toMatchObject(wanted)
    expect(await refusalOf(() => store.ready())).toMatchObject(wanted)
    expect(refusal(() => store.find(record.id))).toMatchObject(wanted)
    const { notices, report, until } = createListener()
    store.bindReport(report)
    expect(await until(1)).toEqual(['api-keys.rejected', expect.objectContaining({ option: path })])
    await replace(printKeyFile([record]))
    while (notices.at(-1)?.[0] !== 'api-keys.changed') await until(notices.length + 1)
    expect(store.find(record.id)).toEqual(record)
    const closed = follow()
    const reading = closed.ready()
    await closed.close()
    await reading
  })

  it('an API key file without a path is refused', () => {
    for (const bad of ['', undefined, 7])
      expect(refusal(() => apiKeyFile(bad as never))).toMatchObject({ detail: { option: 'apiKeyFile' } })
    expect(refusal(() => apiKeyFile(path, { lastUse: true as never }))).toMatchObject({
      detail: { option: 'apiKeyFile options.lastUse' },
    })
  })

  it('an invalid or half written new version of an API key file leaves the one before in place', async () => {
    const whole = printKeyFile([record])
    await replace(whole)
    const store = follow()
    const { notices, report, until } = createListener()
    store.bindReport(report)
    await store.ready()
    const revoked = printKeyFile([{ ...record, revokedAt: 7 }])
    const broken = [revoked.slice(0, -9), '', '[]', revoked.replace('"hash"', '"hush"'), '{"keys":[{}]}']
    for (const text of broken) {
      const heard = notices.length
      await replace(text)
      expect((await until(heard + 1))?.[0]).toBe('api-keys.rejected')
      expect(store.find(record.id)).toEqual(record)
    }
    await rm(path)
    while (notices.at(-1)?.[1]?.fix?.includes('ENOENT') !== true) await until(notices.length + 1)
    expect(store.find(record.id)).toEqual(record)
    await replace(revoked)
    while (notices.at(-1)?.[0] !== 'api-keys.changed') await until(notices.length + 1)
    expect(store.find(record.id)).toMatchObject({ revokedAt: 7 })
    expect(JSON.stringify(notices)).not.toContain(record.hash)
  })

  it('takes no beginning of a file for a file', async () => {
    const text = printKeyFile([record, (await keyOf('other')).record])
    for (let length = 0; length < text.length - 1; length++)
      expect(() => parseKeyFile(text.slice(0, length))).toThrow(SyntaxError)
    expect(parseKeyFile(text).size).toBe(2)
  })

  it('an API key file that its own last uses would overwrite is refused', () => {
    expect(refusal(() => apiKeyFile(path, { lastUse: path }))).toMatchObject({
      code: 'option-invalid',
      detail: { option: 'apiKeyFile options.lastUse' },
    })
  })

  it('a file with two API keys of one id is refused', async () => {
    await replace(printKeyFile([record, { ...record, owner: 'other' }]))
    expect(await refusalOf(() => follow().ready())).toMatchObject({
      code: 'option-invalid',
      detail: { option: `${path} keys.1.id` },
    })
  })

  it('names the place of what is wrong, and quotes nothing of it', async () => {
    for (const [name, bad] of Object.entries({
      id: 'x',
      owner: 'a*',
      scopes: ['a', 'a'],
      hash: 'csk_x',
      expiresAt: '1',
    })) {
      await replace(JSON.stringify({ keys: [{ ...record, [name]: bad }] }))
      const error = await refusalOf(() => follow().ready())
      expect(error.detail.option).toBe(`${path} keys.0.${name}`)
      expect(error.message).not.toContain('csk_x')
    }
  })

  it('writes when keys were last used when it is closed, or where it is told to', async () => {
    await replace(printKeyFile([record]))
    const elsewhere = join(folder, 'use.json')
    for (const [options, where] of [
      [{}, `${path}.last-use.json`],
      [{ lastUse: elsewhere }, elsewhere],
    ] as const) {
      const store = follow(options)
      await store.ready()
      store.touched(record.id, 5)
      await store.close()
      expect(await readLastUses(where)).toEqual(new Map([[record.id, 5]]))
      await rm(where)
    }
    const silent = follow({ lastUse: false })
    await silent.ready()
    silent.touched(record.id, 5)
    await silent.close()
    expect((await readLastUses(`${path}.last-use.json`)).size).toBe(0)
  })

  it('says when a last use cannot be written', async () => {
    await replace(printKeyFile([record]))
    const store = follow({ lastUse: join(folder, 'nowhere', 'use.json') })
    const { notices, report } = createListener()
    store.bindReport(report)
    await store.ready()
    store.touched(record.id, 5)
    await store.flush()
    expect(notices.map(([type]) => type)).toEqual(['api-keys.use-unwritten'])
  })
})
