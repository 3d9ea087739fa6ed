import { FollowedFile } from '../keys/followed-file.ts'
import { createKeyring, type Keyring } from './keyring.ts'
import { optionInvalid } from './misuse.ts'
import { follow } from './recipients.ts'
import { readKeyring } from './schema.ts'

/** A keyring that follows a file. */
export interface KeyringFile extends Keyring {
  /** The primary of the version in use; empty while there is none. */
  readonly kid: string
  /** Resolves when a version of the file is in use; rejects with what is wrong with it where there is none. */
  ready(): Promise<void>
  /** Stops watching. What was read last stays in use. */
  close(): void
}

/** How a keyring file is used. */
export interface KeyringFileOptions {
  /** Is told why a new version of the file is not used: the one before it stays in use. */
  readonly onRejected?: (error: unknown) => void
}

/**
 * Makes a keyring from a JSON file, read at once and watched: `{ "primary": "2026-11", "keys": { "2026-11": <JWK>,
 * "2026-05": { "key": <JWK>, "state": "open-only" } } }`, with JWKs of type `oct` (32 bytes in `k`) or private ones on P-256
 * or X25519. A valid new version takes the place of the old one as a whole, between two envelopes; of an invalid one
 * nothing is used, and the old one stays. Until the first version is read sealing and opening wait for it.
 *
 * It does not keep the file secret: who can read it has the keys, who can write it chooses them.
 *
 * @param path where the file is; relative to the working directory
 * @throws {CountersignError} `option-invalid`, `no-disk`; from `ready()`, sealing and opening: `key-invalid` naming file,
 *   place and fix, as long as no version could be used
 * @example
 * const keyring = keyringFile('/run/secrets/keyring.json', { onRejected: (error) => console.error(error) })
 * await keyring.ready() // to fail at start and not at the first envelope
 * @see SVE1 §10.3
 */
export function keyringFile(path: string, options: KeyringFileOptions = {}): KeyringFile {
  // Condition: a keyring file without a path is refused.
  if (typeof path !== 'string' || path === '') throw optionInvalid('keyringFile', 'give the path of a keyring file')
  const followed = new FollowedFile({
    path,
    parse: (text) => createKeyring(readKeyring(text)),
    code: 'key-invalid',
    unread: () => optionInvalid('keyringFile', 'it is not read yet: wait for ready()'),
    rejected: (error) => options.onRejected?.(error),
  })
  const made = Object.freeze({
    get kid() {
      return followed.held?.kid ?? ''
    },
    get kids() {
      return followed.held?.kids ?? []
    },
    ready: () => followed.ready(),
    close: () => followed.close(),
  })
  return follow(made, () => followed.soon())
}
