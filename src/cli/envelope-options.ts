import { readFile } from 'node:fs/promises'
import { isCountersignError } from '../core/errors.ts'
import type { EnvelopeContext } from '../envelope/context.ts'
import type { Keyring } from '../envelope/keyring.ts'
import { keyringFile } from '../envelope/keyring-file.ts'
import { type Recipient, recipient } from '../envelope/recipients.ts'
import { Misuse, wrong } from './command.ts'

/** Reads `name=value` pairs. */
export function contextOf(pairs: readonly string[]): EnvelopeContext {
  const context: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    // Condition: a context that is not written as name=value, each name once, is refused.
    if (at < 1 || Object.hasOwn(context, name)) throw new Misuse(`--context ${pair}: write name=value, each name once`)
    Object.defineProperty(context, name, { value: pair.slice(at + 1), enumerable: true })
  }
  return context
}

/** Uses a keyring file for as long as `work` takes. Keys come from files alone: arguments can be read by others. */
export async function withKeyring<T>(path: string | undefined, work: (keyring: Keyring) => Promise<T>): Promise<T> {
  if (path === undefined) throw new Misuse('name a keyring file with --keyring')
  const keyring = keyringFile(path)
  try {
    await keyring.ready()
    return await work(keyring)
  } finally {
    keyring.close()
  }
}

/** The recipients in files of public JWKs. */
export async function recipientsIn(paths: readonly string[]): Promise<readonly Recipient[]> {
  return Promise.all(paths.map(recipientIn))
}

async function recipientIn(path: string): Promise<Recipient> {
  let jwk: unknown
  try {
    jwk = JSON.parse(await readFile(path, 'utf8'))
  } catch {
    // What went wrong may quote the file.
    throw wrong(path, 'it has to be a readable file with a public JWK')
  }
  try {
    return recipient(jwk as Parameters<typeof recipient>[0])
  } catch (error) {
    throw isCountersignError(error) ? wrong(path, error.detail.fix ?? 'give a public JWK') : error
  }
}
