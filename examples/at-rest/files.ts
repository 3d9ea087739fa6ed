import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { isCountersignError } from 'countersign'
import { createKeyring, type Keyring, openRange, type RangeSource } from 'countersign/envelope'
import { openTransform, sealTransform } from 'countersign/node'

const LINE_BYTES = 64
const LINES = 20_000
const context = { table: 'dumps', id: '2026-11-26' }

/** Every line has its number at its beginning, and the same length. */
const lineOf = (number: number) => `${String(number).padStart(8, '0')} INSERT INTO payees`.padEnd(LINE_BYTES - 1, '.')

/** Writes what comes out of a transform under a name of its own, which it loses only when all of it is there. */
async function into(from: string, through: Transform, to: string): Promise<void> {
  const part = `${to}.part`
  try {
    // Flushed, or the name could be on the disk before the bytes are.
    await pipeline(createReadStream(from), through, createWriteStream(part, { mode: 0o600, flush: true }))
    await rename(part, to)
  } catch (error) {
    // It holds what was verified up to the failure: true, but without its end.
    await rm(part, { force: true })
    throw error
  }
}

/** A file as `openRange` reads it, and how much of it was read. */
async function sourceOf(handle: FileHandle): Promise<RangeSource & { bytesRead(): number }> {
  const { size } = await handle.stat()
  let total = 0
  async function read(start: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    let filled = 0
    // One read may give less than it was asked for.
    while (filled < length) {
      const { bytesRead } = await handle.read(bytes, filled, length - filled, start + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    total += filled
    return bytes.subarray(0, filled)
  }
  return { size, read, bytesRead: () => total }
}

async function readLines(sealed: string, keyring: Keyring, { first, count }: { first: number; count: number }) {
  const handle = await open(sealed)
  try {
    const source = await sourceOf(handle)
    const range = { start: first * LINE_BYTES, length: count * LINE_BYTES }
    const text = Buffer.from(await openRange(source, { ...range, with: keyring, context })).toString()
    return { text, bytesRead: source.bytesRead(), size: source.size }
  } finally {
    await handle.close()
  }
}

/** Changes one byte in the middle and tries to open the file: gives the code, and what files there are afterwards. */
async function openChanged(folder: string, keyring: Keyring) {
  const bytes = await readFile(join(folder, 'dump.sve1'))
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  await writeFile(join(folder, 'changed.sve1'), bytes)
  let code = 'opened'
  try {
    await into(join(folder, 'changed.sve1'), openTransform({ with: keyring, context }), join(folder, 'changed.sql'))
  } catch (error) {
    if (!isCountersignError(error)) throw error
    code = error.code
  }
  return { code, left: (await readdir(folder)).sort() }
}

/** Runs it all in a folder that is removed at the end. */
export async function main(say: (line: string) => void = () => {}) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  const keyring = createKeyring({ primary: '2026-11', keys: { '2026-11': randomBytes(32) } })
  const [plain, sealed, opened] = ['dump.sql', 'dump.sve1', 'opened.sql'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  try {
    const content = Buffer.from(Array.from({ length: LINES }, (_, number) => `${lineOf(number)}\n`).join(''))
    await writeFile(plain, content)
    await into(plain, sealTransform({ to: keyring, context }), sealed)
    const inTheClear = (await readFile(sealed)).includes('INSERT INTO')
    say(`Sealed: ${content.length} bytes in ${(await stat(sealed)).size}.`)
    await into(sealed, openTransform({ with: keyring, context }), opened)
    const isSame = content.equals(await readFile(opened))
    say(`Opened again: ${isSame ? 'the same bytes' : 'OTHER BYTES'}.`)
    const changed = await openChanged(folder, keyring)
    say(`One byte changed: ${changed.code}. Files: ${changed.left.join(', ')}.`)
    const range = await readLines(sealed, keyring, { first: 12_345, count: 2 })
    say(`Two lines from the middle: ${range.bytesRead} of ${range.size} bytes were read.`)
    return { folder, inTheClear, isSame, changed, range, expected: `${lineOf(12_345)}\n${lineOf(12_346)}\n` }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main((line) => process.stdout.write(`${line}\n`))
