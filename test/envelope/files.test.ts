import { link, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect as inspectValue } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createKeyring,
  inspect,
  type OpenOptions,
  open,
  openFile,
  recipient,
  type SealOptions,
  seal,
  sealFile,
  sealStream,
} from '../../src/envelope.ts'
import { refusalOf } from '../core/refusal.ts'
import { failureOf, freshJwk, isSame, passed, pattern, publicOf } from './fixtures.ts'

const CHUNK = 262_144
const MIB = 1_048_576
const ring = createKeyring({ primary: 'kek1', keys: { kek1: pattern(32) } })
const context = { table: 'dumps', id: '42' }
const sealing: SealOptions = { to: ring, context }
const opening: OpenOptions = { with: ring, context }

let folder: string
const at = (name: string) => join(folder, name)
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('a file', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 700_000])('of %i bytes opens to what was sealed', async (length) => {
    await writeFile(at('plain'), pattern(length))
    await sealFile(at('plain'), at('sealed'), sealing)
    const envelope = await readFile(at('sealed'))
    expect(inspect(envelope)).toMatchObject({ suite: 3, chunks: Math.floor(length / CHUNK) + 1 })
    expect(isSame(await open(envelope, opening), pattern(length))).toBe(true)
    await openFile(at('sealed'), at('opened'), opening)
    expect(isSame(await readFile(at('opened')), pattern(length))).toBe(true)
    expect(isSame(await readFile(at('plain')), pattern(length))).toBe(true)
    expect((await readdir(folder)).sort()).toEqual(['opened', 'plain', 'sealed'])
  })

  it('opens however it was sealed, and what is opened is its owner’s alone', async () => {
    await writeFile(at('sealed'), await seal(pattern(70_000), sealing))
    await openFile(at('sealed'), at('opened'), opening)
    expect(isSame(await readFile(at('opened')), pattern(70_000))).toBe(true)
    expect((await stat(at('opened'))).mode & 0o777).toBe(0o600)
    const { pieces } = await passed(sealStream({ ...sealing, records: true }), [pattern(5), pattern(6)])
    await writeFile(at('sealed'), Buffer.concat(pieces))
    await openFile(at('sealed'), at('opened'), opening)
    expect(isSame(await readFile(at('opened')), Buffer.concat([pattern(5), pattern(6)]))).toBe(true)
  })

  it('is sealed to several, and to public keys', async () => {
    const jwk = await freshJwk('P-256')
    await writeFile(at('plain'), pattern(9))
    await sealFile(at('plain'), at('sealed'), { to: [ring, recipient({ ...publicOf(jwk), kid: 'archive' })], context })
    const archive = createKeyring({ primary: 'archive', keys: { archive: jwk } })
    await openFile(at('sealed'), at('opened'), { with: archive, context })
    expect(await readFile(at('opened'))).toEqual(Buffer.from(pattern(9)))
  })

  it('may be sealed and opened in its own place, by whatever name', async () => {
    await writeFile(at('a'), pattern(700_000))
    await sealFile(at('a'), at('a'), sealing)
    expect(isSame(await open(await readFile(at('a')), opening), pattern(700_000))).toBe(true)
    await symlink('a', at('symbolic'))
    await link(at('a'), at('hard'))
    for (const other of ['symbolic', 'hard', 'a']) {
      await openFile(at('a'), at(other), opening)
      expect(isSame(await readFile(at(other)), pattern(700_000))).toBe(true)
    }
    expect((await readdir(folder)).sort()).toEqual(['a', 'hard', 'symbolic'])
  })

  it('that is not whole and unchanged leaves nothing behind, and what was there as it was', async () => {
    await writeFile(at('plain'), pattern(700_000))
    await sealFile(at('plain'), at('sealed'), sealing)
    const sealed = await readFile(at('sealed'))
    const body = sealed.length - 700_000
    const cases: [Uint8Array, OpenOptions, string][] = [
      [sealed.subarray(0, 0), opening, 'truncated'],
      [sealed.subarray(0, 100), opening, 'truncated'],
      [sealed.subarray(0, body + CHUNK), opening, 'chunk-auth'],
      [sealed.subarray(0, -1), opening, 'chunk-auth'],
      [sealed.with(650_000, (sealed[650_000] as number) ^ 1), opening, 'chunk-auth'],
      [Buffer.concat([sealed, Buffer.of(0)]), opening, 'chunk-auth'],
      [sealed, { with: ring, context: { table: 'dumps', id: '43' } }, 'commitment'],
      [sealed, { ...opening, maxPlaintextBytes: 699_999 }, 'too-large'],
    ]
    for (const before of [undefined, 'mine']) {
      if (before !== undefined) await writeFile(at('opened'), before)
      const names = await readdir(folder)
      for (const [bytes, options, step] of cases) {
        await writeFile(at('sealed'), bytes)
        const failure = await failureOf(() => openFile(at('sealed'), at('opened'), options))
        expect(failure).toEqual({ code: 'unopened', step, option: at('sealed') })
        // In its own place it fails as well, and stays.
        expect((await failureOf(() => openFile(at('sealed'), at('sealed'), options))).code).toBe('unopened')
        expect(isSame(await readFile(at('sealed')), bytes)).toBe(true)
      }
      expect(await readdir(folder)).toEqual(names)
    }
    expect(await readFile(at('opened'), 'utf8')).toBe('mine')
  })

  it('that does not open says to the operator which step failed and what to do, and to nobody else', async () => {
    await writeFile(at('sealed'), 'MARKER, and no envelope')
    const error = await refusalOf(() => openFile(at('sealed'), at('opened'), opening))
    expect(error.message).toBe('The sealed bytes could not be opened.')
    expect(error.detail).toEqual({ step: 'malformed', option: at('sealed'), fix: expect.stringMatching(/no envelope/) })
    expect(`${inspectValue(error)}${JSON.stringify(error)}`).not.toMatch(/MARKER|malformed/)
    await writeFile(at('sealed'), await seal(pattern(5), sealing))
    const other = createKeyring({ primary: 'kek2', keys: { kek2: pattern(32) } })
    const { detail } = await refusalOf(() => openFile(at('sealed'), at('opened'), { with: other, context }))
    expect(detail).toEqual({
      step: 'no-recipient',
      keyId: 'kek1',
      option: at('sealed'),
      fix: expect.stringMatching(/keyring/),
    })
  })

  it('that cannot be read says why the system does not', async () => {
    const error = await refusalOf(() => openFile(at('none'), at('out'), opening))
    expect(error.message).toBe(
      `An option is not valid. ${at('none')}: it cannot be read (ENOENT: there is no such file or folder)`,
    )
    expect(error.cause).toMatchObject({ code: 'ENOENT' })
  })

  it('that cannot be read or written is named, and nothing is left behind', async () => {
    await writeFile(at('plain'), pattern(5))
    const cases = [
      [at('none'), at('out'), at('none')],
      [folder, at('out'), folder],
      [at('plain'), join(at('nowhere'), 'out'), join(at('nowhere'), 'out')],
      [at('plain'), folder, folder],
    ] as const
    for (const [from, to, option] of cases) {
      expect(await failureOf(() => sealFile(from, to, sealing))).toEqual({ code: 'option-invalid', option })
      expect(await failureOf(() => openFile(from, to, opening))).toEqual({ code: 'option-invalid', option })
    }
    expect(await readdir(folder)).toEqual(['plain'])
  })

  it('is not touched where the options are wrong', async () => {
    const wrong = { to: {} as never, with: {} as never, context }
    expect(await failureOf(() => sealFile(at('none'), at('out'), wrong))).toEqual({
      code: 'option-invalid',
      option: 'to',
    })
    expect(await failureOf(() => openFile(at('none'), at('out'), wrong))).toEqual({
      code: 'option-invalid',
      option: 'with',
    })
    expect(await readdir(folder)).toEqual([])
  })

  it('a file to seal or open that has no path is refused', async () => {
    for (const path of ['', 'a\0b', undefined as never, new URL('file:///a') as never]) {
      for (const [from, to, option] of [
        [path, at('out'), 'from'],
        [at('in'), path, 'to'],
      ] as const) {
        expect(await failureOf(() => sealFile(from, to, sealing))).toEqual({ code: 'option-invalid', option })
        expect(await failureOf(() => openFile(from, to, opening))).toEqual({ code: 'option-invalid', option })
      }
    }
  })

  it('of 192 MiB takes no more memory than a short one', async () => {
    await writeFile(at('plain'), Buffer.alloc(192 * MIB))
    let highest = 0
    const before = process.memoryUsage().arrayBuffers
    const watch = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage().arrayBuffers - before)
    }, 5)
    try {
      await sealFile(at('plain'), at('sealed'), sealing)
      await openFile(at('sealed'), at('plain'), opening)
    } finally {
      clearInterval(watch)
    }
    expect((await stat(at('plain'))).size).toBe(192 * MIB)
    // What is read, sealed and not yet collected as garbage; the file would be several times as much.
    expect(highest).toBeGreaterThan(0)
    expect(highest).toBeLessThan(96 * MIB)
  })
})
