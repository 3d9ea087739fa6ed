import type { Bytes } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'

/** Where a piece goes that is ready. */
export type Put = (piece: Bytes) => void

/** A body that is sealed or opened as it comes. */
export interface Body {
  push(bytes: Uint8Array, put: Put): MaybePromise<void>
  /** Nothing more comes: the last piece is handed on. */
  end(put: Put): MaybePromise<void>
}
