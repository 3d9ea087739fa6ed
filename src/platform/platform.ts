import type { Bytes } from '../core/bytes.ts'

/** A watch that can be given up. */
export interface Watch {
  close(): void
}

/** A value that follows a call through everything it awaits. */
export interface AsyncContext<T> {
  run<R>(value: T, body: () => R): R
  get(): T | undefined
}

/** Writes bytes behind those before; settles when the system has taken them. */
export type Write = (bytes: Uint8Array) => Promise<void>

/** What a runtime says of certificates (X.509), in DER. Whoever asks has read both strictly. */
export interface Certificates {
  /** Whether one names the other as its issuer, and the other's key has signed it. */
  isIssuedBy(certificate: Uint8Array, issuer: Uint8Array): boolean
  /** Whether a private key in PEM is the one of a certificate; undefined where no key can be read from it. */
  hasKey(certificate: Uint8Array, keyPem: string): boolean | undefined
}

/** What a runtime offers beyond cryptography. `web.ts` has no disk: its file functions throw `no-disk`. */
export interface Platform {
  readText(path: string): Promise<string>
  /** The bytes of a file, piece by piece. Nothing is opened before the first is asked for. */
  readPieces(path: string): AsyncIterable<Uint8Array>
  /**
   * Lets `work` write a file that gets its name when all of it is there and on the disk, and that nobody but its owner
   * reads. Where any of that fails nothing is left behind, and what had the name keeps it.
   */
  writeWhole(path: string, work: (write: Write) => Promise<void>): Promise<void>
  /** Calls back when the file may have changed: rewritten, renamed into place, or a link that was moved. */
  watchFile(path: string, changed: () => void): Watch
  /** Undefined where the runtime has no async context. */
  createContext<T>(): AsyncContext<T> | undefined
  /**
   * Whether a `Response` is no more than what its methods say: written in JavaScript, and nothing of the runtime takes it
   * apart past them where it is handed on.
   */
  readonly responsesAreScript: boolean
  /**
   * Whether `fetch` keeps all that it has sent of a stream, in case it has to send it again, unless it may follow no
   * redirect at all.
   */
  readonly fetchKeepsStreams: boolean
  /** A buffer of its own for as many bytes, whatever was there before: whoever asks writes all of it, or drops it. */
  room(bytes: number): Bytes
  /** Waits until whatever else is due had its turn: timers, sockets. */
  nextTurn(): Promise<void>
  /** A clock that never goes back: milliseconds since some start. */
  monotonicMs(): number
  /** Throws `no-certificates` where the runtime cannot verify any. */
  certificates(): Certificates
}
