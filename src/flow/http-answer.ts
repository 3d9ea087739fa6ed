import type { Bytes } from '../core/bytes.ts'
import type { HttpResponse } from '../core/message.ts'

/** An answer as a whole. No body at all is not the same as an empty one only to HEAD, 204 and 304: both cover nothing. */
export interface HttpAnswer extends HttpResponse {
  readonly body: Bytes | undefined
}
