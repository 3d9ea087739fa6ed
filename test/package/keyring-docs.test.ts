import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyringFile, open, recipient, seal } from '../../src/envelope.ts'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules/countersign'))
})
afterEach(() => rm(folder, { recursive: true }))

/** The shell command of the page that has these words in it, run in an empty folder. */
async function follow(words: string): Promise<string> {
  const page = await readFile(join(root, 'docs/data-at-rest.md'), 'utf8')
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block as string)
  const [block = '', ...others] = blocks.filter((text) => text.includes(words))
  expect(others).toEqual([])
  return (await run('sh', ['-c', block], { cwd: folder })).stdout
}

async function opensWhatIsSealed(to: Parameters<typeof seal>[1]['to'], file: string) {
  const keyring = keyringFile(join(folder, file))
  const envelope = await seal(Uint8Array.of(1, 2), { to })
  expect([...(await open(envelope, { with: keyring }))]).toEqual([1, 2])
  keyring.close()
}

describe.skipIf(process.platform === 'win32')('the page on data at rest', () => {
  it('has a command that makes a keyring file, for its owner alone, and overwrites none', async () => {
    await follow('randomBytes')
    const path = join(folder, 'keyring.json')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const keyring = keyringFile(path)
    await opensWhatIsSealed(keyring, 'keyring.json')
    keyring.close()
    const before = await readFile(path, 'utf8')
    await expect(follow('randomBytes')).rejects.toThrow('EEXIST')
    expect(await readFile(path, 'utf8')).toBe(before)
  })

  it('has a command that makes one more key', async () => {
    const k = await follow('openssl')
    await writeFile(join(folder, 'keyring.json'), JSON.stringify({ primary: 'a', keys: { a: { kty: 'oct', k } } }))
    const keyring = keyringFile(join(folder, 'keyring.json'))
    await opensWhatIsSealed(keyring, 'keyring.json')
    keyring.close()
  })

  it('has a command that makes a pair whose public half others seal to', async () => {
    await follow('X25519')
    expect((await stat(join(folder, 'pair.json'))).mode & 0o777).toBe(0o600)
    const jwk = JSON.parse(await readFile(join(folder, 'public.json'), 'utf8'))
    expect(jwk.d).toBeUndefined()
    await opensWhatIsSealed(recipient(jwk), 'pair.json')
  })
})
