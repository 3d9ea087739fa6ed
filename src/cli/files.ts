import { randomBytes } from 'node:crypto'
import { access, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type Io, wrong } from './command.ts'

/** Where bytes come from: a file, or with `-` what is piped in. */
export interface Input {
  readonly stream: Readable
  /** In bytes; undefined where it is piped. */
  readonly size: number | undefined
}

const systemCode = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'failed')

/** Opens what is read. */
export async function readFrom(path: string, { stdin }: Io): Promise<Input> {
  if (path === '-') return { stream: stdin, size: undefined }
  try {
    const file = await open(path)
    const facts = await file.stat()
    const stream = file.createReadStream({ highWaterMark: 262_144 })
    if (!facts.isDirectory()) return { stream, size: facts.isFile() ? facts.size : undefined }
    stream.destroy()
    throw wrong(path, 'give a file: this is a folder')
  } catch (error) {
    throw fileError(path, error, 'read')
  }
}

/**
 * Lets `work` write a file, or with `-` what is piped on. A file gets its name when all of it is there and on the disk: whoever
 * fails leaves nothing behind. What is piped is out as it comes; whether it was whole, the exit code says.
 */
export async function writeTo(
  path: string,
  { stdout, isForced }: { readonly stdout: Writable; readonly isForced: boolean },
  work: (target: Writable) => Promise<void>,
): Promise<void> {
  if (path === '-') return work(stdout)
  // Condition: the command overwrites no file unless it is told to.
  if (!isForced && (await exists(path))) throw wrong(path, 'it is there already: move it away, or add --force')
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`)
  try {
    const file = await open(temporary, 'wx', 0o600)
    await work(file.createWriteStream({ flush: true }))
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(path, error, 'written')
  }
}

function fileError(path: string, error: unknown, what: string): unknown {
  const isSystem = error instanceof Error && 'syscall' in error
  return isSystem ? wrong(path, `it cannot be ${what} (${systemCode(error)})`) : error
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
