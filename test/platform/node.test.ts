import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { platform } from '../../src/platform/node.ts'
import type { Watch } from '../../src/platform/platform.ts'
import { refusalOf } from '../core/refusal.ts'
import { makeCa, makeLeaf } from '../support/certificate.ts'

let folder: string
const watches: Watch[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
})

afterEach(async () => {
  for (const watch of watches.splice(0)) watch.close()
  await rm(folder, { recursive: true, force: true })
})

/** Watches a file; `next` resolves at the first notice since it was last asked. */
function watched(path: string) {
  let notices = 0
  let wake = () => {}
  watches.push(
    platform.watchFile(path, () => {
      notices++
      wake()
    }),
  )
  return {
    async next(): Promise<void> {
      if (notices === 0) await new Promise<void>((resolve) => (wake = resolve))
      notices = 0
    },
    count: () => notices,
  }
}

describe('readText', () => {
  it('reads UTF-8, and nothing that is not', async () => {
    const path = join(folder, 'a')
    await writeFile(path, 'ä')
    expect(await platform.readText(path)).toBe('ä')
    await writeFile(path, Uint8Array.of(0xff))
    await expect(platform.readText(path)).rejects.toThrow(TypeError)
    await expect(platform.readText(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('certificates', () => {
  it('tells who has issued one, and vouches for nothing it cannot read', () => {
    const ca = makeCa({ name: 'root' })
    const { der } = makeLeaf({ by: ca })
    const { isIssuedBy } = platform.certificates()
    expect(isIssuedBy(der, ca.der)).toBe(true)
    expect(isIssuedBy(der, makeCa({ name: 'root' }).der)).toBe(false)
    expect(isIssuedBy(der, makeCa({ key: ca.key }).der)).toBe(false)
    for (const bytes of [new Uint8Array(), der.subarray(0, 100)]) {
      expect(isIssuedBy(bytes, ca.der)).toBe(false)
      expect(isIssuedBy(der, bytes)).toBe(false)
    }
  })
})

async function piecesOf(path: string): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of platform.readPieces(path)) pieces.push(piece)
  return pieces
}

describe('readPieces', () => {
  it('gives all bytes of a file, none in one piece with all others', async () => {
    const path = join(folder, 'a')
    const bytes = new Uint8Array(700_000).fill(7)
    await writeFile(path, bytes)
    const pieces = await piecesOf(path)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
    expect(Math.max(...pieces.map(({ length }) => length))).toBe(262_144)
    await writeFile(path, '')
    expect(await piecesOf(path)).toEqual([])
  })

  it('names a file that cannot be read', async () => {
    for (const path of [join(folder, 'none'), folder]) {
      const { code, detail } = await refusalOf(() => piecesOf(path))
      expect([code, detail.option, detail.fix]).toEqual([
        'option-invalid',
        path,
        expect.stringMatching(/cannot be read \(E/),
      ])
    }
  })

  it('leaves alone what fails in the hands of its reader', async () => {
    await writeFile(join(folder, 'a'), 'a')
    const mine = Object.assign(new Error('mine'), { syscall: 'mine', code: 'EMINE' })
    const read = async () => {
      for await (const _ of platform.readPieces(join(folder, 'a'))) throw mine
    }
    await expect(read()).rejects.toBe(mine)
  })
})

describe('writeWhole', () => {
  const path = () => join(folder, 'a')

  it('gives a file its name when all of it is there, and to nobody but its owner', async () => {
    await platform.writeWhole(path(), async (write) => {
      await write(Uint8Array.of(1, 2))
      const [part = '', ...others] = await readdir(folder)
      expect([part, others]).toEqual([expect.stringMatching(/^\.a\.[0-9a-f]{12}\.part$/), []])
      expect((await stat(join(folder, part))).mode & 0o777).toBe(0o600)
      await write(Uint8Array.of(3))
    })
    expect([...(await readFile(path()))]).toEqual([1, 2, 3])
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['a'])
  })

  it('writes a file with a name as long as names can be', async () => {
    for (const name of ['a'.repeat(255), 'ä'.repeat(127)]) {
      await platform.writeWhole(join(folder, name), (write) => write(Uint8Array.of(1)))
      expect(await readdir(folder)).toEqual([name])
      await unlink(join(folder, name))
    }
  })

  it('leaves nothing behind where the work fails, and a file that was there as it was', async () => {
    const mine = Object.assign(new Error('mine'), { syscall: 'mine', code: 'EMINE' })
    const fail = () =>
      platform.writeWhole(path(), async (write) => {
        await write(Uint8Array.of(1))
        throw mine
      })
    await expect(fail()).rejects.toBe(mine)
    expect(await readdir(folder)).toEqual([])
    await writeFile(path(), 'old')
    await expect(fail()).rejects.toBe(mine)
    expect([await readdir(folder), await readFile(path(), 'utf8')]).toEqual([['a'], 'old'])
  })

  it('names a file that cannot be written, and leaves nothing behind', async () => {
    const nowhere = join(folder, 'none', 'a')
    const unwritable = await refusalOf(() => platform.writeWhole(nowhere, async () => {}))
    expect(unwritable.detail).toEqual({
      option: nowhere,
      fix: 'it cannot be written (ENOENT: there is no such file or folder)',
    })
    const late = await refusalOf(() => platform.writeWhole(path(), async () => void (await mkdir(path()))))
    expect([late.code, late.detail.option]).toEqual(['option-invalid', path()])
    expect(await readdir(folder)).toEqual(['a'])
  })

  it('a target that is there and is no file is refused', async () => {
    for (const special of [folder, '/dev/null']) {
      let worked = false
      const error = await refusalOf(() =>
        platform.writeWhole(special, async () => {
          worked = true
        }),
      )
      expect([error.code, error.detail.option, worked]).toEqual(['option-invalid', special, false])
    }
  })

  it('replaces a link and not what it leads to', async () => {
    await writeFile(join(folder, 'b'), 'old')
    await symlink('b', path())
    await platform.writeWhole(path(), (write) => write(Uint8Array.of(110, 101, 119)))
    expect([await readFile(path(), 'utf8'), await readFile(join(folder, 'b'), 'utf8')]).toEqual(['new', 'old'])
  })
})

describe('watchFile', () => {
  it('notices that a file is rewritten, each time', async () => {
    const path = join(folder, 'a')
    await writeFile(path, '1')
    const file = watched(path)
    for (const text of ['2', '3', '4']) {
      await writeFile(path, text)
      await file.next()
    }
  })

  it('notices a file that is renamed into place', async () => {
    const path = join(folder, 'a')
    await writeFile(path, '1')
    const file = watched(path)
    for (const text of ['2', '3']) {
      await writeFile(join(folder, 'new'), text)
      await rename(join(folder, 'new'), path)
      await file.next()
      expect(await platform.readText(path)).toBe(text)
    }
  })

  it('notices a link that is moved, as Kubernetes moves its volumes', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'a'), version)
    }
    await symlink('v1', join(folder, '..data'))
    await symlink('..data/a', join(folder, 'a'))
    const file = watched(join(folder, 'a'))
    expect(await platform.readText(join(folder, 'a'))).toBe('v1')
    await symlink('v2', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await file.next()
    expect(await platform.readText(join(folder, 'a'))).toBe('v2')
  })

  it('notices a change behind a link into another folder', async () => {
    await mkdir(join(folder, 'etc'))
    await mkdir(join(folder, 'real'))
    await writeFile(join(folder, 'real', 'a'), '1')
    await symlink(join(folder, 'real', 'a'), join(folder, 'etc', 'a'))
    const file = watched(join(folder, 'etc', 'a'))
    await writeFile(join(folder, 'real', 'a'), '22')
    await file.next()
  })

  it('notices a file that comes late, goes and comes again', async () => {
    const path = join(folder, 'a')
    const file = watched(path)
    await writeFile(path, '1')
    await file.next()
    await unlink(path)
    await file.next()
    await writeFile(path, '1')
    await file.next()
  })

  it('notices a file whose folder comes late', async () => {
    const file = watched(join(folder, 'late', 'a'))
    await mkdir(join(folder, 'late'))
    await writeFile(join(folder, 'late', 'a'), '1')
    await file.next()
  })

  it('says nothing of other files in the folder', async () => {
    await writeFile(join(folder, 'a'), '1')
    const file = watched(join(folder, 'a'))
    const other = watched(join(folder, 'b'))
    await writeFile(join(folder, 'b'), '1')
    await other.next()
    await writeFile(join(folder, 'b'), '2')
    await other.next()
    expect(file.count()).toBe(0)
  })

  it('says nothing any more once it is closed', async () => {
    const path = join(folder, 'a')
    await writeFile(path, '1')
    const closed = watched(path)
    watches.splice(0)[0]?.close()
    const open = watched(path)
    await writeFile(path, '2')
    await open.next()
    expect(closed.count()).toBe(0)
  })
})

describe('createContext', () => {
  it('follows a call through everything it awaits, and no other call', async () => {
    const context = platform.createContext<string>()
    if (context === undefined) throw new Error('no context')
    const seen = async () => {
      await nextTurn()
      return context.get()
    }
    const both = await Promise.all([context.run('one', seen), context.run('two', seen), seen()])
    expect(both).toEqual(['one', 'two', undefined])
    expect(context.get()).toBeUndefined()
  })
})

describe('monotonicMs', () => {
  it('does not go back', () => {
    const first = platform.monotonicMs()
    expect(platform.monotonicMs()).toBeGreaterThanOrEqual(first)
  })
})
