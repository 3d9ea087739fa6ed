import { hex } from '../../core/bytes.ts'
import { randomBytes } from '../../core/random.ts'

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/

/** Continues a W3C trace context with a span of its own, or starts one. For tracing only: it proves nothing. */
export function nextTraceparent(parent: string | undefined): string {
  const span = hex(randomBytes(8))
  const match = parent === undefined ? null : TRACEPARENT.exec(parent)
  return match === null ? `00-${hex(randomBytes(16))}-${span}-00` : `00-${match[1]}-${span}-${match[2]}`
}
