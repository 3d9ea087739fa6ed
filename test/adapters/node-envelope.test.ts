import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTransform, sealTransform } from '../../src/adapters/node-envelope.ts'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { failureOf, isSame, pattern } from '../envelope/fixtures.ts'

const ring = createKeyring({ primary: 'kek1', keys: { kek1: pattern(32) } })
const context = { file: 'dump' }
const seals = { to: ring, context }
const opens = { with: ring, context }

describe('an envelope through streams of Node', () => {
  let folder: string
  const at = (name: string) => join(folder, name)
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'envelope-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.each([0, 5, 700_000])('opens to the %i bytes that were sealed', async (length) => {
    await writeFile(at('plain'), pattern(length))
    await pipeline(createReadStream(at('plain')), sealTransform(seals), createWriteStream(at('sealed')))
    expect(isSame(await open(await readFile(at('sealed')), opens), pattern(length))).toBe(true)
    await pipeline(createReadStream(at('sealed')), openTransform(opens), createWriteStream(at('opened')))
    expect(isSame(await readFile(at('opened')), pattern(length))).toBe(true)
  })

  it('fails where it was cut off, after what was verified', async () => {
    await pipeline(Readable.from([pattern(700_000)]), sealTransform(seals), createWriteStream(at('sealed')))
    await truncate(at('sealed'), 600_000)
    const parts: Uint8Array[] = []
    const sink = new Writable({ write: (part, _encoding, done) => done(void parts.push(part) as undefined) })
    const failure = await failureOf(() => pipeline(createReadStream(at('sealed')), openTransform(opens), sink))
    expect(failure).toEqual({ code: 'unopened', step: 'chunk-auth' })
    expect(isSame(Buffer.concat(parts), pattern(524_288))).toBe(true)
  })

  it('takes no more than it can hand on', async () => {
    let given = 0
    const source = new Readable({
      read() {
        this.push(given++ < 1000 ? pattern(65_536) : null)
      },
    })
    const sealing = source.pipe(sealTransform(seals))
    sealing.once('readable', () => undefined)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(given).toBeLessThan(30)
    source.destroy()
    sealing.destroy()
  })

  it('says at once what is wrong with its options', async () => {
    expect(await failureOf(() => sealTransform({ to: [] }))).toEqual({ code: 'option-invalid', option: 'to' })
    expect((await failureOf(() => openTransform({ with: {} as never }))).code).toBe('option-invalid')
  })
})
