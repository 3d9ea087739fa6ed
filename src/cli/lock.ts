import { open, rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { naming } from '../core/system.ts'
import { wrong } from './command.ts'

const PATIENCE_MS = 10_000
const AGAIN_MS = 20

/** How long to wait for a lock, and what ends the waiting. */
export interface Waiting {
  readonly signal: AbortSignal
  /** Default ten seconds. */
  readonly patienceMs?: number
}

/** Does work on a file while no other command does: a lock lies beside it for as long. */
export async function withLock<T>(path: string, waiting: Waiting, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  const until = performance.now() + (waiting.patienceMs ?? PATIENCE_MS)
  while (!(await take(lock, path))) {
    // Condition: a file whose lock another command holds for too long is left as it is.
    if (performance.now() > until) throw wrong(lock, 'another command is at work on the file: if none is, remove this')
    await pause(AGAIN_MS, undefined, { signal: waiting.signal })
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

async function take(lock: string, path: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx', 0o600)
    await file.close()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw naming(path, error, 'written')
  }
}
