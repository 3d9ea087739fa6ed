/** A watch that can be given up. */
export interface Watch {
  close(): void
}

/** A value that follows a call through everything it awaits. */
export interface AsyncContext<T> {
  run<R>(value: T, body: () => R): R
  get(): T | undefined
}

/** What a runtime offers beyond cryptography. `web.ts` has no disk: its file functions throw `no-disk`. */
export interface Platform {
  readText(path: string): Promise<string>
  /** Calls back when the file may have changed: rewritten, renamed into place, or a link that was moved. */
  watchFile(path: string, changed: () => void): Watch
  /** Undefined where the runtime has no async context. */
  createContext<T>(): AsyncContext<T> | undefined
  /**
   * Whether a `Response` is no more than what its methods say: written in JavaScript, and nothing of the runtime takes it
   * apart past them where it is handed on.
   */
  readonly responsesAreScript: boolean
  /** Waits until whatever else is due had its turn: timers, sockets. */
  nextTurn(): Promise<void>
  /** A clock that never goes back: milliseconds since some start. */
  monotonicMs(): number
}
