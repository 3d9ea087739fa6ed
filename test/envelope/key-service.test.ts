import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inspect } from '../../src/envelope/inspect.ts'
import type { KeyRequest, KeyService } from '../../src/envelope/key-service.ts'
import { createKeyring, type KeyringOptions } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { rewrap } from '../../src/envelope/rewrap.ts'
import { seal } from '../../src/envelope/seal.ts'
import { failureOf, pattern } from './fixtures.ts'

const context = { table: 'charges', id: '42' }
const down = { code: 'key-service-unavailable' }

/** As an application would write it for a KMS: what the service refuses is no outage. */
function overHttp(port: number): KeyService {
  async function ask(operation: string, body: Uint8Array, { kid, signal }: KeyRequest) {
    const url = `http://127.0.0.1:${port}/${operation}/${kid}`
    const answer = await fetch(url, { method: 'POST', body: Uint8Array.from(body), signal })
    if (answer.status === 400) return undefined
    if (!answer.ok) throw new Error(`answered with ${answer.status}`)
    return new Uint8Array(await answer.arrayBuffer())
  }
  return {
    async wrap(dataKey, request) {
      const wrapped = await ask('wrap', dataKey, request)
      if (wrapped === undefined) throw new Error('refused to wrap')
      return wrapped
    },
    unwrap: (wrapped, request) => ask('unwrap', wrapped, request),
  }
}

describe('a key service over HTTP', () => {
  let child: ChildProcess
  let port: number
  beforeEach(async () => {
    child = fork(fileURLToPath(new URL('./key-server.mjs', import.meta.url)))
    const [told] = await once(child, 'message')
    port = told as number
  })
  afterEach(() => child.kill('SIGKILL'))

  const keyring = (options: Partial<KeyringOptions> = {}) =>
    createKeyring({ primary: 'kms', keys: { kms: overHttp(port) }, timeoutMs: 300, ...options })
  const asked = async () => Number(await (await fetch(`http://127.0.0.1:${port}/asked`)).text())
  const behave = (how: string) => fetch(`http://127.0.0.1:${port}/behave/${how}`)
  const sealed = () => seal(pattern(500), { to: keyring(), context })
  const opened = (envelope: Uint8Array, ring = keyring()) => open(envelope, { with: ring, context })

  it('wraps and unwraps the key of an envelope', async () => {
    const envelope = await sealed()
    expect(inspect(envelope).kids).toEqual([{ type: 2, kid: 'kms' }])
    expect(await opened(envelope)).toEqual(pattern(500))
  })

  it('is asked once by a thousand who open at the same time, and not again while its answer is kept', async () => {
    const [envelope, ring] = [await sealed(), keyring()]
    const before = await asked()
    const all = await Promise.all(Array.from({ length: 1000 }, () => opened(envelope, ring)))
    expect(all.every((bytes) => bytes.length === 500)).toBe(true)
    await opened(envelope, ring)
    expect((await asked()) - before).toBe(1)
  })

  it('a key service that cannot be reached, or answers too late, is said to be down', async () => {
    const [envelope, kept] = [await sealed(), keyring()]
    await opened(envelope, kept)
    for (const how of ['failing', 'slow']) {
      await behave(how)
      expect(await failureOf(() => opened(envelope)), how).toEqual(down)
      expect(await failureOf(sealed), how).toEqual(down)
      // What is kept needs nobody.
      expect(await opened(envelope, kept)).toEqual(pattern(500))
    }
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await failureOf(() => opened(envelope))).toEqual(down)
    expect(await failureOf(sealed)).toEqual(down)
  })

  it('is asked again after an outage, and by each who came during one', async () => {
    const [envelope, ring] = [await sealed(), keyring()]
    await behave('failing')
    const before = await asked()
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => opened(envelope, ring)))
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect((await asked()) - before).toBe(1)
    await behave('well')
    expect(await opened(envelope, ring)).toEqual(pattern(500))
  })

  it('refuses what is not its own without being called down', async () => {
    const envelope = await sealed()
    const at = envelope.indexOf(115, 12) + 3
    envelope[at] = (envelope[at] as number) ^ 1
    expect(await failureOf(() => opened(envelope))).toEqual({ code: 'unopened', step: 'unwrap-failed' })
  })

  it('can be left for a key that is at hand', async () => {
    const other = createKeyring({ primary: 'kek1', keys: { kek1: pattern(32) } })
    const moved = await rewrap(await sealed(), { with: keyring(), to: other })
    child.kill('SIGKILL')
    expect(await opened(moved, other)).toEqual(pattern(500))
  })
})

describe('a key service', () => {
  const service = (over: Partial<KeyService>): KeyService => ({
    wrap: async (dataKey) => dataKey,
    unwrap: async (wrapped) => wrapped,
    ...over,
  })
  const ringOf = (over: Partial<KeyService>) => createKeyring({ primary: 'kms', keys: { kms: service(over) } })

  it('a key service that wraps a data key to other than 1 to 4,096 bytes is refused', async () => {
    for (const wrapped of [new Uint8Array(0), new Uint8Array(4097), 'text', undefined]) {
      const failure = await failureOf(() => seal(pattern(5), { to: ringOf({ wrap: async () => wrapped as never }) }))
      expect(failure.code).toBe('key-invalid')
    }
    for (const length of [1, 4096]) {
      const envelope = await seal(pattern(5), { to: ringOf({ wrap: async () => pattern(length) }) })
      expect(inspect(envelope).headerBytes).toBe(96 + 3 + 4 + length)
    }
  })

  it('what a key service does not give back as a data key does not unwrap', async () => {
    const envelope = await seal(pattern(5), { to: ringOf({}) })
    for (const key of [undefined, new Uint8Array(31), new Uint8Array(33), 'text']) {
      const failure = await failureOf(() => open(envelope, { with: ringOf({ unwrap: async () => key as never }) }))
      expect(failure).toEqual({ code: 'unopened', step: 'unwrap-failed' })
    }
    const other = ringOf({ unwrap: async () => pattern(32) })
    expect(await failureOf(() => open(envelope, { with: other }))).toEqual({ code: 'unopened', step: 'header-mac' })
  })

  it('recipients that need a longer header than 16,384 bytes are refused', async () => {
    const ring = (kid: string) =>
      createKeyring({ primary: kid, keys: { [kid]: service({ wrap: async () => pattern(4096) }) } })
    const to = ['a', 'b', 'c'].map(ring)
    expect(inspect(await seal(pattern(5), { to })).kids).toHaveLength(3)
    const failure = await failureOf(() => seal(pattern(5), { to: [...to, ring('d')] }))
    expect(failure).toEqual({ code: 'option-invalid', option: 'to' })
  })

  it('a time for key services that is not a whole number of milliseconds from 1 is refused', async () => {
    for (const timeoutMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const make = () => createKeyring({ primary: 'kms', keys: { kms: service({}) }, timeoutMs })
      expect(await failureOf(make)).toEqual({ code: 'option-invalid', option: 'timeoutMs' })
    }
  })

  it('keeps its own bytes to itself', async () => {
    let seen: Uint8Array | undefined
    const ring = ringOf({
      wrap: async (dataKey) => {
        seen = dataKey
        return dataKey.slice()
      },
    })
    const envelope = await seal(pattern(5), { to: ring })
    seen?.fill(0)
    expect(await open(envelope, { with: ring })).toEqual(pattern(5))
    expect(JSON.stringify(ring)).not.toContain('wrap')
  })
})
