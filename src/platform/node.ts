import { AsyncLocalStorage } from 'node:async_hooks'
import { type FSWatcher, statSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { fromUtf8 } from '../core/bytes.ts'
import type { AsyncContext, Platform, Watch } from './platform.ts'

const SETTLE_MS = 50
const POLL_MS = 2000

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

/** Node's disk, async context and clock. */
export const platform: Platform = Object.freeze({
  readText: async (path: string) => fromUtf8(await readFile(path)),
  watchFile,
  createContext,
  // Bun and Deno load this module, too.
  responsesAreScript: process.versions.bun === undefined && process.versions.deno === undefined,
  nextTurn: () => new Promise<void>((resolve) => setImmediate(resolve)),
  monotonicMs: () => performance.now(),
})
