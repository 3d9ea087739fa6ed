import { execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { keyringFile } from '../../src/envelope/keyring-file.ts'
import { open } from '../../src/envelope/open.ts'
import { freshJwk, isSame, pattern, publicOf } from '../envelope/fixtures.ts'
import { command } from './command.ts'

const jwkOf = (first: number) => ({ kty: 'oct', k: toBase64url(pattern(32).with(0, first)) })
const CONTEXT = ['--context', 'tenant=acme', '--context', 'id=a=b']

let folder: string
const at = (name: string) => join(folder, name)
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  await writeFile(at('keys.json'), JSON.stringify({ primary: 'one', keys: { one: jwkOf(1) } }))
  await writeFile(at('more.json'), JSON.stringify({ primary: 'two', keys: { two: jwkOf(2) } }))
  await writeFile(at('plain'), pattern(700_000))
})
afterEach(() => rm(folder, { recursive: true }))

const envelope = (name: string, ...args: string[]) => command(['envelope', name, ...args])
const sealPlain = (...more: string[]) =>
  envelope('seal', '--keyring', at('keys.json'), ...CONTEXT, ...more, at('plain'), at('sealed'))
const openSealed = (...more: string[]) =>
  envelope('open', '--keyring', at('keys.json'), ...CONTEXT, ...more, at('sealed'), at('opened'))

describe('countersign envelope', () => {
  it('seals a file and opens it again', async () => {
    expect(await sealPlain()).toEqual({ code: 0, out: Buffer.alloc(0), err: '' })
    expect(await openSealed()).toMatchObject({ code: 0, err: '' })
    expect(isSame(await readFile(at('opened')), pattern(700_000))).toBe(true)
    expect((await stat(at('opened'))).mode & 0o777).toBe(0o600)
    const ring = keyringFile(at('keys.json'))
    const context = { tenant: 'acme', id: 'a=b' }
    expect(isSame(await open(await readFile(at('sealed')), { with: ring, context }), pattern(700_000))).toBe(true)
    ring.close()
  })

  it('seals and opens what is piped', async () => {
    const sealed = await command(['envelope', 'seal', '--keyring', at('keys.json'), ...CONTEXT], pattern(5))
    const opened = await command(['envelope', 'open', '--keyring', at('keys.json'), ...CONTEXT, '-', '-'], sealed.out)
    expect([opened.code, isSame(opened.out, pattern(5))]).toEqual([0, true])
  })

  it('seals to public keys, to several at once', async () => {
    const jwk = await freshJwk('X25519')
    await writeFile(at('public.json'), JSON.stringify({ ...publicOf(jwk), kid: 'archive' }))
    await writeFile(at('private.json'), JSON.stringify({ primary: 'archive', keys: { archive: jwk } }))
    await sealPlain('--recipient', at('public.json'))
    const told = JSON.parse((await envelope('inspect', '--json', at('sealed'))).out.toString())
    expect(told).toEqual({
      suite: 3,
      kids: [
        { type: 1, kid: 'one' },
        { type: 17, kid: 'archive' },
      ],
      headerBytes: 266,
    })
    expect((await envelope('open', '--keyring', at('private.json'), ...CONTEXT, at('sealed'), at('opened'))).code).toBe(
      0,
    )
    const alone = ['--recipient', at('public.json'), at('plain'), at('alone')]
    expect((await envelope('seal', ...alone)).code).toBe(0)
    expect((await envelope('inspect', at('alone'))).out.toString()).toMatch(/suite 3, .*\n {2}type 17 {2}archive\n$/)
  })

  it('gives an envelope other recipients and leaves its body', async () => {
    await sealPlain()
    const args = ['--keyring', at('keys.json'), '--to-keyring', at('more.json')]
    expect(await envelope('rewrap', ...args, at('sealed'), at('moved'))).toMatchObject({ code: 0, err: '' })
    const [before, after] = [await readFile(at('sealed')), await readFile(at('moved'))]
    expect(isSame(after.subarray(-700_000), before.subarray(-700_000))).toBe(true)
    expect((await envelope('open', '--keyring', at('more.json'), ...CONTEXT, at('moved'), at('opened'))).code).toBe(0)
    expect(isSame(await readFile(at('opened')), pattern(700_000))).toBe(true)
  })

  it('the command overwrites no file unless it is told to', async () => {
    await writeFile(at('sealed'), 'mine')
    expect(await sealPlain()).toMatchObject({ code: 1, err: expect.stringContaining(at('sealed')) })
    expect(await readFile(at('sealed'), 'utf8')).toBe('mine')
    expect((await sealPlain('--force')).code).toBe(0)
    expect((await readFile(at('sealed'))).subarray(0, 4).toString()).toBe('SVE1')
  })

  it('leaves nothing behind where it fails, and says which file and what to do', async () => {
    await sealPlain()
    const sealed = await readFile(at('sealed'))
    const before = await readdir(folder)
    for (const broken of [sealed.subarray(0, 600_000), sealed.subarray(0, 20), sealed.with(650_000, 0), Buffer.of()]) {
      await writeFile(at('sealed'), broken)
      const { code, err } = await openSealed()
      expect([code, err]).toEqual([1, expect.stringMatching(/^countersign: .*\n$/)])
    }
    await writeFile(at('sealed'), sealed)
    const elsewhere = ['--keyring', at('keys.json'), '--context', 'tenant=other', at('sealed'), at('opened')]
    expect((await envelope('open', ...elsewhere)).code).toBe(1)
    expect(await readdir(folder)).toEqual(before)
  })

  it('names what is wrong with a file', async () => {
    const args = [at('plain'), at('sealed')]
    await writeFile(at('broken.json'), '{"primary": "one", "keys": { "one": { "kty": "oct", "k": "c2VjcmV0" } } }')
    await mkdir(at('folder'))
    for (const [given, named] of [
      [['--keyring', at('none.json'), ...args], at('none.json')],
      [['--keyring', at('broken.json'), ...args], `${at('broken.json')} keys.one`],
      [['--recipient', at('none.json'), ...args], at('none.json')],
      [['--recipient', at('keys.json'), ...args], at('keys.json')],
      [['--keyring', at('keys.json'), at('missing'), at('sealed')], at('missing')],
      [['--keyring', at('keys.json'), at('folder'), at('sealed')], at('folder')],
      [['--keyring', at('keys.json'), at('plain'), join(at('nowhere'), 'sealed')], at('nowhere')],
    ] as const) {
      const { code, err, out } = await envelope('seal', ...given)
      expect([code, out.length]).toEqual([1, 0])
      expect(err).toContain(named)
      expect(err).not.toContain('c2VjcmV0')
    }
    const { err } = await envelope('seal', '--json', '--keyring', at('none.json'), ...args)
    expect(JSON.parse(err)).toMatchObject({ code: 'key-invalid', detail: { option: at('none.json') } })
  })

  it('names the file that is no envelope, or another one, and what to do', async () => {
    await writeFile(at('sealed'), 'no envelope at all')
    const ring = ['--keyring', at('keys.json')]
    for (const args of [['inspect'], ['open', ...ring], ['rewrap', ...ring]] as const) {
      const [name, ...options] = args
      const { code, err, out } = await envelope(name, ...options, at('sealed'))
      expect([code, err, out.length]).toEqual([
        1,
        `countersign: ${at('sealed')}: it is no envelope that can be read: give what was sealed, byte for byte (malformed)\n`,
        0,
      ])
      const piped = await command(['envelope', name, ...options], new Uint8Array(3))
      expect([piped.code, piped.err]).toEqual([
        1,
        expect.stringMatching(/^countersign: standard input: it is no envelope/),
      ])
    }
    const { err } = await envelope('inspect', '--json', at('sealed'))
    expect(JSON.parse(err)).toMatchObject({ code: 'unopened', detail: { option: at('sealed'), step: 'malformed' } })
    await sealPlain('--force')
    const elsewhere = await envelope('open', ...ring, '--context', 'tenant=other', at('sealed'))
    expect(elsewhere.err).toMatch(/another context.*\(commitment\)\n$/)
    expect((await envelope('inspect', at('none'))).err).toBe(
      `countersign: ${at('none')}: it cannot be read (ENOENT: there is no such file or folder)\n`,
    )
  })

  it('an option that a command does not take is refused', async () => {
    for (const [name, option] of [
      ['inspect', '--keyring'],
      ['inspect', '--context'],
      ['open', '--recipient'],
      ['seal', '--to-keyring'],
      ['rewrap', '--context'],
    ] as const) {
      const { code, err } = await envelope(name, option, 'a=b', at('plain'))
      expect([code, err]).toEqual([2, expect.stringContaining(`"envelope ${name}" takes no ${option}: leave it out`)])
    }
    expect((await envelope('inspect', '--force', at('plain'))).code).toBe(2)
  })

  it('an argument that a command does not take is refused', async () => {
    const inspected = await envelope('inspect', at('plain'), 'b', 'c')
    expect([inspected.code, inspected.err]).toEqual([2, expect.stringContaining('one input: leave out "b" "c"')])
    const opened = await envelope('open', '--keyring', at('keys.json'), 'a', 'b', 'c')
    expect([opened.code, opened.err]).toEqual([2, expect.stringContaining('one input and one output: leave out "c"')])
  })

  it('says how it is called', async () => {
    for (const args of [
      ['--help'],
      ['-h'],
      ['envelope', '--help'],
      ['envelope', 'seal', '--help'],
      ['init', '--help'],
    ]) {
      const { code, out, err } = await command(args)
      expect([code, err]).toEqual([0, ''])
      expect(out.toString()).toMatch(/^countersign /)
    }
    for (const args of [
      [],
      ['nothing'],
      ['init'],
      ['init', 'acme.internal'],
      ['envelope'],
      ['envelope', 'toString'],
      ['envelope', 'seal'],
      ['envelope', 'open', '--key', 'x'],
      ['envelope', 'open', 'a', 'b', 'c'],
    ]) {
      const { code, out, err } = await command(args)
      expect([code, out.length]).toEqual([2, 0])
      expect(err).toContain('countersign ')
    }
  })

  it('a context that is not written as name=value, each name once, is refused', async () => {
    for (const context of [
      ['--context', 'tenant'],
      ['--context', '=acme'],
      ['--context', 'a=1', '--context', 'a=2'],
    ]) {
      const { code, err } = await envelope('seal', '--keyring', at('keys.json'), ...context, at('plain'), at('sealed'))
      expect([code, err]).toEqual([2, expect.stringContaining('name=value')])
    }
  })

  it('draws how far it is on a terminal alone', async () => {
    const args = ['envelope', 'seal', '--keyring', at('keys.json'), at('plain'), at('sealed')]
    expect((await command(args, undefined, true)).err).toMatch(/\r\[#{30}\] 100 % {2}0\.7 MiB\n$/)
    expect((await command([...args, '--force'])).err).toBe('')
  })
})

describe('the command as a process', () => {
  const main = join(import.meta.dirname, '../../dist/cli/main.js')

  it('ends with a code that scripts can trust, and takes pipes of any size', async () => {
    const start = (...args: string[]) => spawn(process.execPath, [main, 'envelope', ...args], { cwd: folder })
    const sealing = start('seal', '--keyring', 'keys.json')
    const opening = start('open', '--keyring', 'keys.json')
    sealing.stdout.pipe(opening.stdin)
    let length = 0
    opening.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    const ended = new Promise((resolve) => opening.once('close', resolve))
    for (let i = 0; i < 64; i++) {
      if (!sealing.stdin.write(pattern(262_144))) await new Promise((resolve) => sealing.stdin.once('drain', resolve))
    }
    sealing.stdin.end()
    expect(await ended).toBe(0)
    expect(length).toBe(64 * 262_144)
  })

  it('a standard input that is a folder or a disk, which Node would take for nothing, is refused', async () => {
    for (const name of ['seal', 'open', 'rewrap', 'inspect']) {
      const keys = name === 'inspect' ? [] : ['--keyring', 'keys.json']
      const stdin = openSync(folder, 'r')
      const child = spawn(process.execPath, [main, 'envelope', name, ...keys], {
        cwd: folder,
        stdio: [stdin, 'pipe', 'pipe'],
      })
      let said = ''
      child.stdout?.on('data', (text: Buffer) => {
        said += text
      })
      child.stderr?.on('data', (text: Buffer) => {
        said += text
      })
      expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1)
      closeSync(stdin)
      expect(said).toBe('countersign: standard input: give a file or a pipe, or name it as <in>\n')
    }
  })

  it('fails where what is piped was cut off', async () => {
    const sealed = await command(['envelope', 'seal', '--keyring', at('keys.json')], pattern(700_000))
    const child = spawn(process.execPath, [main, 'envelope', 'open', '--keyring', 'keys.json'], { cwd: folder })
    child.stdout.resume()
    child.stdin.end(sealed.out.subarray(0, 600_000))
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1)
  })

  /** Runs a command whose output goes to a place that takes none of it. */
  async function intoNowhere(args: readonly string[], stdout: 'a full disk' | 'a closed pipe') {
    const full = stdout === 'a full disk' ? openSync('/dev/full', 'w') : undefined
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', full ?? 'pipe', 'pipe'] })
    child.stdout?.destroy()
    let err = ''
    child.stderr?.on('data', (text: Buffer) => {
      err += text
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    if (full !== undefined) closeSync(full)
    return { code, err }
  }

  it.skipIf(!existsSync('/dev/full')).each([
    ['a full disk', 'ENOSPC: the disk is full'],
    ['a closed pipe', 'EPIPE: nobody reads it any more'],
  ] as const)('fails where its output goes to %s, and says so', async (stdout, reason) => {
    await sealPlain()
    for (const args of [
      ['envelope', 'seal', '--keyring', 'keys.json', 'plain'],
      ['envelope', 'open', '--keyring', 'keys.json', ...CONTEXT, 'sealed'],
      ['envelope', 'inspect', 'sealed'],
      ['envelope', '--help'],
      ['--help'],
    ]) {
      expect(await intoNowhere(args, stdout)).toEqual({
        code: 1,
        err: `countersign: standard output: it cannot be written (${reason})\n`,
      })
    }
  })

  const partsIn = async () => (await readdir(folder)).filter((name) => name.endsWith('.part'))

  /** Starts a command that waits for more to read, and stops it when it has begun to write. */
  async function stopped(signal: 'SIGINT' | 'SIGTERM', name: string, beginning: Uint8Array) {
    const child = spawn(
      process.execPath,
      [main, 'envelope', name, '--keyring', 'keys.json', '--force', '-', 'target'],
      {
        cwd: folder,
      },
    )
    let err = ''
    child.stderr.on('data', (text: Buffer) => {
      err += text
    })
    // Nobody reads any more what is still to be written.
    child.stdin.on('error', () => undefined)
    const ended = new Promise((resolve) => child.once('close', (code, by) => resolve({ code, by })))
    child.stdin.write(beginning)
    await expect.poll(partsIn, { timeout: 10_000 }).toHaveLength(1)
    child.kill(signal)
    return { ...((await ended) as { code: number | null; by: string | null }), err }
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('leaves nothing behind where %s stops it, and ends with %i', async (signal, code) => {
    const sealed = await command(['envelope', 'seal', '--keyring', at('keys.json')], pattern(700_000))
    await writeFile(at('target'), 'mine')
    const before = await readdir(folder)
    const given = { seal: pattern(700_000), open: sealed.out.subarray(0, 600_000), rewrap: sealed.out }
    for (const [name, beginning] of Object.entries(given)) {
      expect(await stopped(signal, name, beginning)).toEqual({ code, by: null, err: '' })
      expect(await readdir(folder)).toEqual(before)
      expect(await readFile(at('target'), 'utf8')).toBe('mine')
    }
  })

  it.skipIf(process.platform === 'win32')('is stopped by a signal while it waits for a pipe', async () => {
    await promisify(execFile)('mkfifo', [at('pipe')])
    const pipe = spawn(process.execPath, ['-e', 'require("fs").openSync("pipe", "w"); setInterval(() => {}, 1000)'], {
      cwd: folder,
    })
    try {
      const args = [main, 'envelope', 'seal', '--keyring', 'keys.json', 'pipe', 'target']
      const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('close', (code, by) => resolve([code, by])))
      await expect.poll(partsIn, { timeout: 10_000 }).toHaveLength(1)
      child.kill('SIGTERM')
      // A shell says 143 of either: where the read cannot be given up, the signal itself has to end the process.
      const ends = [
        [143, null],
        [null, 'SIGTERM'],
      ]
      expect(ends).toContainEqual(await ended)
    } finally {
      pipe.kill()
    }
    expect(await partsIn()).toEqual([])
  })

  it('refuses to put a file in the place of a device', async () => {
    const { code, err } = await envelope('seal', '--keyring', at('keys.json'), '--force', at('plain'), '/dev/null')
    expect([code, err]).toEqual([1, expect.stringContaining('/dev/null')])
  })
})
