import type { MaybePromise } from '../core/maybe-promise.ts'
import type { HttpResponse } from '../core/message.ts'
import type { StreamedAnswer } from '../flow/answer-stream.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'

/** What a handler answered, or that it was more than may be kept; `cause`: why it could not leave as it was written. */
export type Captured = HttpAnswer | { readonly tooLarge: true; readonly cause?: unknown }

/** Why nothing was sent: the connection closed, or the body had another length than the handler announced. */
export type AbortCause = 'closed' | 'length-mismatch'

/** What becomes of a handler's answer: one of the two is called, and once. */
export interface CaptureOptions {
  readonly maxBytes: number
  /**
   * Begins an answer that leaves as it is written, where its caller can read it; without it, what is too large to be kept
   * or has no end is cut off.
   */
  readonly begin?: ((head: HttpResponse) => MaybePromise<StreamedAnswer>) | undefined
  /** Gives what is sent in place of what the handler answered. Where it fails, a bare 500 is sent. */
  finish(captured: Captured): MaybePromise<HttpAnswer>
  /** Is told that nothing will be sent, before `finish` could be asked. */
  onAborted(cause: AbortCause): void
}
