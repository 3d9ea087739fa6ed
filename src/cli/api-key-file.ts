import { access, realpath, stat } from 'node:fs/promises'
import { platform } from '#platform'
import { utf8 } from '../core/bytes.ts'
import { fileSource } from '../keys/file-source.ts'
import { parseKeyFile, printKeyFile } from '../peer/api-key/key-file.ts'
import type { ApiKeyRecord } from '../peer/api-key/record.ts'
import { wrong } from './command.ts'
import { interruptible } from './interruption.ts'
import { withLock } from './lock.ts'

/** The keys of a file by their ids, in its order. */
export type KeysById = ReadonlyMap<string, ApiKeyRecord>

/** Reads a file of keys. */
export async function readKeys(path: string): Promise<KeysById> {
  return fileSource(path, parseKeyFile).load()
}

/** What a command wants to be in the file, and what it tells of it. */
export interface Change<T> {
  readonly keys: KeysById
  readonly result: T
}

/**
 * Changes a file of keys: as a whole, by renaming, and with nobody else changing it meanwhile. Where a link leads to it, what
 * is behind the link is changed.
 */
export async function changeKeys<T>(
  given: string,
  { mayMake }: { readonly mayMake: boolean },
  change: (keys: KeysById) => Promise<Change<T>> | Change<T>,
): Promise<T> {
  const path = await realpath(given).catch(() => given)
  return interruptible((signal) =>
    withLock(path, { signal }, async () => {
      await assertIsOurs(path)
      const { keys, result } = await change(mayMake && !(await exists(path)) ? new Map() : await readKeys(path))
      await platform.writeWhole(path, (write) => write(utf8(printKeyFile(keys.values()))))
      return result
    }),
  )
}

/** What is written is for its owner alone, who is then whoever runs the command. */
async function assertIsOurs(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  const isForeign = found !== undefined && process.getuid !== undefined && found.uid !== process.getuid()
  // Condition: a file of API keys is not taken from its owner, whose service could not read the change.
  if (isForeign) throw wrong(path, 'it belongs to another user: run the command as that user, the one of the service')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
