import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { inspect } from '../../src/envelope/inspect.ts'
import { type KeyringFile, type KeyringFileOptions, keyringFile } from '../../src/envelope/keyring-file.ts'
import { open } from '../../src/envelope/open.ts'
import { openStream } from '../../src/envelope/open-stream.ts'
import { rewrap } from '../../src/envelope/rewrap.ts'
import { seal } from '../../src/envelope/seal.ts'
import { sealStream } from '../../src/envelope/seal-stream.ts'
import { failureOf, freshJwk, passed, pattern } from './fixtures.ts'

const jwkOf = (first: number) => ({ kty: 'oct', k: toBase64url(pattern(32).with(0, first)) })
const context = { id: '42' }

let folder: string
let path: string
let followed: KeyringFile[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyring-'))
  path = join(folder, 'keyring.json')
  followed = []
})
afterEach(async () => {
  for (const ring of followed) ring.close()
  await rm(folder, { recursive: true })
})

async function write(document: unknown): Promise<void> {
  await writeFile(`${path}.new`, typeof document === 'string' ? document : JSON.stringify(document))
  await rename(`${path}.new`, path)
}

function follow(options?: KeyringFileOptions): KeyringFile {
  const ring = keyringFile(path, options)
  followed.push(ring)
  return ring
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 500) throw new Error('never')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('a keyring from a file', () => {
  it('seals and opens at once, and whenever the file is there', async () => {
    await write({ primary: 'a', keys: { a: jwkOf(1) } })
    const ring = follow()
    const envelope = await seal(pattern(5), { to: ring, context })
    expect(await open(envelope, { with: ring, context })).toEqual(pattern(5))
    expect([ring.kid, ring.kids]).toEqual(['a', ['a']])
    const { pieces } = await passed(sealStream({ to: [ring], context }), [pattern(9)])
    expect((await passed(openStream({ with: ring, context }), pieces)).pieces).toEqual([pattern(9)])
  })

  it('takes recipient keys and states, as any keyring', async () => {
    const jwk = await freshJwk('P-256')
    await write({
      primary: 'a',
      keys: { a: jwkOf(1), b: { key: jwk, state: 'pending' }, c: { key: jwkOf(3), state: 'disabled' } },
    })
    const ring = follow()
    await ring.ready()
    expect(ring.kids).toEqual(['a', 'b'])
  })

  it('follows the file', async () => {
    await write({ primary: 'a', keys: { a: jwkOf(1) } })
    const ring = follow()
    const before = await seal(pattern(5), { to: ring, context })
    await write({ primary: 'b', keys: { a: { key: jwkOf(1), state: 'open-only' }, b: jwkOf(2) } })
    await until(() => ring.kid === 'b')
    expect(inspect(await seal(pattern(5), { to: ring, context })).kids).toEqual([{ type: 1, kid: 'b' }])
    expect(await open(before, { with: ring, context })).toEqual(pattern(5))
    expect(inspect(await rewrap(before, { with: ring, to: ring })).kids).toEqual([{ type: 1, kid: 'b' }])
    await write({ primary: 'b', keys: { b: jwkOf(2) } })
    await until(() => ring.kids.length === 1)
    expect((await failureOf(() => open(before, { with: ring, context }))).step).toBe('no-recipient')
  })

  it('a keyring file that is broken changes nothing: the version before it stays in use', async () => {
    await write({ primary: 'a', keys: { a: jwkOf(1) } })
    const rejected: unknown[] = []
    const ring = follow({ onRejected: (error) => rejected.push(error) })
    await ring.ready()
    for (const broken of [
      '{',
      { primary: 'b', keys: { a: jwkOf(1) } },
      { primary: 'a', keys: {} },
      { keys: { a: jwkOf(1) } },
    ]) {
      const before = rejected.length
      await write(broken)
      await until(() => rejected.length > before)
      expect(ring.kid).toBe('a')
      await seal(pattern(5), { to: ring, context })
    }
    for (const error of rejected) expect(JSON.stringify(error)).not.toContain(jwkOf(1).k)
    expect(rejected[0]).toMatchObject({ code: 'key-invalid', detail: { option: path } })
  })

  it('a keyring file that could not be read or used neither seals nor opens', async () => {
    const ring = follow()
    await expect(ring.ready()).rejects.toMatchObject({ code: 'key-invalid', detail: { option: path } })
    expect(await failureOf(() => seal(pattern(5), { to: ring }))).toEqual({ code: 'key-invalid', option: path })
    await write({ primary: 'a', keys: { a: { kty: 'oct', k: 'short' } } })
    const optionOf = async () => (await failureOf(() => seal(pattern(5), { to: ring }))).option
    await expect.poll(optionOf, { timeout: 5_000 }).toBe(`${path} keys.a`)
    await write({ primary: 'a', keys: { a: jwkOf(1) } })
    await until(() => ring.kid === 'a')
    await seal(pattern(5), { to: ring })
  })

  it('uses what it was reading when it was closed', async () => {
    await write({ primary: 'a', keys: { a: jwkOf(1) } })
    const ring = follow()
    ring.close()
    await ring.ready()
    expect(ring.kid).toBe('a')
  })

  it('a keyring file without a path is refused', async () => {
    for (const none of ['', undefined as never])
      expect((await failureOf(() => keyringFile(none))).code).toBe('option-invalid')
  })

  it('rotates while a hundred write and read: nothing fails, and nothing is sealed to what was retired', async () => {
    const version = (n: number) => ({
      primary: `k${n}`,
      keys: Object.fromEntries(
        Array.from({ length: n + 1 }, (_, i) => [`k${i}`, i === n ? jwkOf(i) : { key: jwkOf(i), state: 'open-only' }]),
      ),
    })
    await write(version(0))
    const ring = follow()
    await ring.ready()
    let isDone = false
    let made = 0
    const one = async () => {
      while (!isDone) {
        const primary = Number(ring.kid.slice(1))
        const envelope = await seal(pattern(100), { to: ring, context })
        const [used] = inspect(envelope).kids
        expect(Number(used?.kid?.slice(1))).toBeGreaterThanOrEqual(primary)
        expect(await open(envelope, { with: ring, context })).toHaveLength(100)
        made++
        await new Promise(setImmediate)
      }
    }
    const all = Promise.all(Array.from({ length: 100 }, one))
    for (let n = 1; n <= 5; n++) {
      await write(version(n))
      await until(() => ring.kid === `k${n}`)
    }
    isDone = true
    await all
    expect(made).toBeGreaterThan(100)
  })
})
