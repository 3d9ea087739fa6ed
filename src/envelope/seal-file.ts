import { passFile } from './pass-file.ts'
import type { SealOptions } from './seal.ts'
import { EnvelopeSealer } from './seal-stream.ts'

/**
 * Seals a file of any size into another, in constant memory. The envelope is written beside its place, under a name that
 * ends in `.part`, and renamed when all of it is on the disk: whoever reads `to` finds what was there before or the whole
 * envelope. Where it fails nothing is left behind. Both paths may be the same file.
 *
 * It does not prove who sealed, and the length stays visible, as with `seal`. It does not erase the plaintext, whose bytes
 * may stay on the disk where a file was sealed in its own place. A process that is killed leaves the `.part` file.
 *
 * @param from the plaintext
 * @param to where the envelope goes: a file that only its owner reads. One that is there is replaced, a link is not followed
 * @throws {CountersignError} `option-invalid`, also for a file that cannot be read or written, by its path; `key-invalid`;
 *   `no-disk`
 * @example
 * await sealFile('dump.sql', 'dump.sve1', { to: keyring, context: { table: 'dumps', id: '2026-11-26' } })
 * @see SVE1 §10.1, §10.6; suite 03
 */
export async function sealFile(from: string, to: string, options: SealOptions): Promise<void> {
  await passFile(from, to, new EnvelopeSealer(options))
}
