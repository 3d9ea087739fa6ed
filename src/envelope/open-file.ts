import type { OpenOptions } from './open.ts'
import { EnvelopeOpener } from './open-stream.ts'
import { passFile } from './pass-file.ts'
import { unopenedFile } from './unopened.ts'

/**
 * Opens a file of any size into another, in constant memory. The plaintext is written beside its place, in a file that only
 * its owner reads, and renamed when the last byte was verified: what is found at `to` was sealed exactly so, from its
 * beginning to its end, under this context. Where it fails nothing is left behind, and what was at `to` is as it was. Both
 * paths may be the same file.
 *
 * It does not prove who sealed, nor that the envelope is new, as with `open`. What was written before a failure is deleted,
 * not erased. A process that is killed leaves the `.part` file, which is true as far as it goes and has no end.
 *
 * @param from the envelope, however it was sealed
 * @param to where the plaintext goes. A file that is there is replaced, a link is not followed
 * @param options as for `open`; the plaintext is not limited by default
 * @throws {CountersignError} `unopened` for whatever is wrong with the envelope, with the step that failed, the path and what
 *   to do in `error.detail`, for the operator alone; `option-invalid`, also for a file that cannot be read or written, by its
 *   path and with the failure of the system as its cause; `key-invalid`; `no-disk`
 * @example
 * await openFile('dump.sve1', 'dump.sql', { with: keyring, context: { table: 'dumps', id: '2026-11-26' } })
 * @see SVE1 §10.5, §10.6
 */
export async function openFile(from: string, to: string, options: OpenOptions): Promise<void> {
  try {
    await passFile(from, to, new EnvelopeOpener(options))
  } catch (error) {
    throw unopenedFile(from, error)
  }
}
