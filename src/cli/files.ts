import { fstatSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { platform } from '#platform'
import { type Io, STANDARD_INPUT, wrong } from './command.ts'

/** Where bytes come from: a file, or with `-` what is piped in. */
export interface Input {
  readonly pieces: AsyncIterable<Uint8Array>
  /** In bytes; undefined where it is piped. */
  readonly size: number | undefined
}

/** Finds what is read. A file that cannot be read says so when it is. */
export async function readFrom(path: string, { stdin }: Io): Promise<Input> {
  if (path === '-') {
    if (stdin.fd !== undefined) checkPipe(stdin.fd)
    return { pieces: stdin, size: undefined }
  }
  const facts = await stat(path).catch(() => undefined)
  return { pieces: platform.readPieces(path), size: facts?.isFile() === true ? facts.size : undefined }
}

function checkPipe(fd: number): void {
  const facts = fstatSync(fd)
  // Condition: a standard input that is a folder or a disk, which Node would take for nothing, is refused.
  if (facts.isDirectory() || facts.isBlockDevice())
    throw wrong(STANDARD_INPUT, 'give a file or a pipe, or name it as <in>')
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
  await platform.writeWhole(path, (write) =>
    work(
      new Writable({
        write: (bytes: Uint8Array, _encoding, done) => void write(bytes).then(() => done(), done),
      }),
    ),
  )
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
