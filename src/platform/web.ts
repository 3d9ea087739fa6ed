import { CountersignError } from '../core/errors.ts'
import type { Certificates, Platform, Watch } from './platform.ts'

function noDisk(path: string): CountersignError {
  return new CountersignError('no-disk', { detail: { option: path, fix: 'give the value itself instead of a file' } })
}

/** What every runtime has: a clock, and neither disk nor async context. */
export const platform: Platform = Object.freeze({
  // Condition: a file is not read where there is no disk.
  readText: (path: string): Promise<string> => Promise.reject(noDisk(path)),
  readPieces(path: string): AsyncIterable<Uint8Array> {
    // Condition: a file is not read piece by piece where there is no disk.
    throw noDisk(path)
  },
  // Condition: a file is not written where there is no disk.
  writeWhole: (path: string): Promise<void> => Promise.reject(noDisk(path)),
  watchFile(path: string): Watch {
    // Condition: a file is not watched where there is no disk.
    throw noDisk(path)
  },
  createContext: () => undefined,
  responsesAreScript: false,
  fetchKeepsStreams: false,
  room: (bytes: number) => new Uint8Array(bytes),
  nextTurn: () => new Promise<void>((resolve) => setTimeout(resolve, 0)),
  monotonicMs: () => performance.now(),
  certificates(): Certificates {
    const fix = 'accept other proofs here: WebCrypto verifies no certificates'
    // Condition: a certificate is not verified where the runtime cannot.
    throw new CountersignError('no-certificates', { detail: { option: 'clientCertificate', fix } })
  },
})
