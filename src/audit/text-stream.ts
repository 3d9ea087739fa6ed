/** A Node.js `Writable`, or something that writes text as it does: the callback says when it is written, or why not. */
export interface TextStream {
  write(text: string, done: (error?: Error | null) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}
