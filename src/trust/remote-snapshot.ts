import { platform } from '#platform'
import { utf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { fileSource } from '../keys/file-source.ts'

/** The last version of a document, for a cold start while its server is down. */
export interface Snapshot {
  readonly json: unknown
  /** Epoch milliseconds. */
  readonly confirmedAt: number
}

function isSnapshot(value: unknown): value is { v: 1; url: string; confirmedAt: number; document: unknown } {
  if (typeof value !== 'object' || value === null) return false
  const { v, url, confirmedAt } = value as Record<string, unknown>
  return v === 1 && typeof url === 'string' && Number.isSafeInteger(confirmedAt) && 'document' in value
}

/** Reads a snapshot of this very URL; what is there of another one, or cannot be read, throws. */
export async function readSnapshot(path: string, url: URL): Promise<Snapshot> {
  return fileSource(
    path,
    (text) => {
      const found: unknown = JSON.parse(text)
      // Condition: a snapshot that is none, or one of another URL, is not taken.
      if (!isSnapshot(found) || found.url !== url.href) {
        throw new CountersignError('trust-invalid', { detail: { fix: 'it is no snapshot of this URL: remove it' } })
      }
      return { json: found.document, confirmedAt: found.confirmedAt }
    },
    'trust-invalid',
  ).load()
}

/** Keeps a version: the file is whole at every moment, and nobody but its owner reads it. */
export function writeSnapshot(path: string, url: URL, { json, confirmedAt }: Snapshot): Promise<void> {
  const text = JSON.stringify({ v: 1, url: url.href, confirmedAt, document: json })
  return platform.writeWhole(path, (write) => write(utf8(text)))
}
