import { AsyncLocalStorage } from 'node:async_hooks'
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { type FSWatcher, statSync, watch } from 'node:fs'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fromUtf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { naming } from '../core/system.ts'
import type { AsyncContext, Certificates, Platform, Watch, Write } from './platform.ts'

const SETTLE_MS = 50
const POLL_MS = 2000
const PIECE_BYTES = 262_144
const PART_NAME = 64
const MUCH_BYTES = 65_536

async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path)
    try {
      yield* file.createReadStream({ highWaterMark: PIECE_BYTES, autoClose: false })
    } finally {
      // Not some time later: there are systems that rename nothing over a file that is open.
      await file.close()
    }
  } catch (error) {
    throw naming(path, error, 'read')
  }
}

async function writeWhole(path: string, work: (write: Write) => Promise<void>): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  // Condition: a target that is there and is no file is refused.
  if (found !== undefined && !found.isFile()) {
    const fix = 'give the path of a file: this is something else'
    throw new CountersignError('option-invalid', { detail: { option: path, fix } })
  }
  // The beginning of the name says whose part it is; all of a long one would leave no room for the rest.
  const part = join(dirname(path), `.${basename(path).slice(0, PART_NAME)}.${randomBytes(6).toString('hex')}.part`)
  // What fails in `work` is not this file's failure.
  const own = async <T>(step: Promise<T>): Promise<T> => {
    try {
      return await step
    } catch (error) {
      throw naming(path, error, 'written')
    }
  }
  const file = await own(open(part, 'wx', 0o600))
  try {
    try {
      await work((bytes) => own(file.writeFile(bytes)))
      await own(file.sync())
    } finally {
      await file.close()
    }
    await own(rename(part, path))
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

/** What tells one state of a file from another; links are followed, so a link that was moved is another state. */
function stateOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    return 'gone'
  }
}

/** Watches the folder, because a file that is renamed into place or linked anew is not the one that was watched. */
function watchFolder(path: string, happened: (name: string | null) => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, name) => happened(name))
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    // No such folder yet, or no watch to be had: the poll still looks.
    return undefined
  }
}

function watchFile(given: string, changed: () => void): Watch {
  const path = resolve(given)
  const name = basename(path)
  let settling: ReturnType<typeof setTimeout> | undefined
  let touched = false
  const look = () => {
    settling = undefined
    const state = stateOf(path)
    if (state === known && !touched) return
    known = state
    touched = false
    changed()
  }
  const folder = watchFolder(path, (entry) => {
    // Two writes within one tick of the file system's clock leave the same state: an event that names the file counts.
    if (entry === name || entry === null) touched = true
    settling ??= setTimeout(look, SETTLE_MS).unref()
  })
  let known = stateOf(path)
  const poll = setInterval(look, POLL_MS).unref()
  return {
    close() {
      folder?.close()
      clearTimeout(settling)
      clearInterval(poll)
    },
  }
}

function createContext<T>(): AsyncContext<T> {
  const storage = new AsyncLocalStorage<T>()
  return { run: (value, body) => storage.run(value, body), get: () => storage.getStore() }
}

const x509: Certificates = Object.freeze({
  isIssuedBy(certificate: Uint8Array, issuer: Uint8Array): boolean {
    try {
      const [given, by] = [new X509Certificate(certificate), new X509Certificate(issuer)]
      return given.checkIssued(by) && given.verify(by.publicKey)
    } catch {
      // What the runtime cannot read it cannot vouch for.
      return false
    }
  },
  hasKey(certificate: Uint8Array, keyPem: string): boolean | undefined {
    try {
      return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(keyPem))
    } catch {
      // What it says may quote the key.
      return undefined
    }
  },
})

// Bun and Deno load this module, too.
const isNode = process.versions.bun === undefined && process.versions.deno === undefined

/** Node's disk, async context and clock. */
export const platform: Platform = Object.freeze({
  readText: async (path: string) => fromUtf8(await readFile(path)),
  readPieces,
  writeWhole,
  watchFile,
  createContext,
  responsesAreScript: isNode,
  fetchKeepsStreams: isNode,
  // Zeroing what is much and is written at once anyway costs as much as writing it.
  room: (bytes: number) =>
    bytes < MUCH_BYTES ? new Uint8Array(bytes) : new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer),
  nextTurn: () => new Promise<void>((resolve) => setImmediate(resolve)),
  monotonicMs: () => performance.now(),
  certificates: () => x509,
})
