import { Transform, type Writable } from 'node:stream'

const CELLS = 30
const EVERY_MS = 100

/** Passes bytes on, and draws on a terminal how far they are; `total` is undefined where nobody knows. */
export function progress(terminal: Writable & { readonly isTTY?: boolean }, total: number | undefined): Transform {
  let passed = 0
  let drawnAt = 0
  const draw = (isLast: boolean) => {
    if (terminal.isTTY !== true || (!isLast && Date.now() - drawnAt < EVERY_MS)) return
    drawnAt = Date.now()
    terminal.write(`\r${lineOf(passed, total)}${isLast ? '\n' : ''}`)
  }
  return new Transform({
    transform(bytes: Uint8Array, _encoding, done) {
      passed += bytes.length
      draw(false)
      done(null, bytes)
    },
    flush(done) {
      draw(true)
      done()
    },
  })
}

function lineOf(passed: number, total: number | undefined): string {
  const size = `${(passed / 1_048_576).toFixed(1)} MiB`
  if (total === undefined || total === 0) return size
  const share = Math.min(1, passed / total)
  const filled = Math.round(share * CELLS)
  return `[${'#'.repeat(filled)}${' '.repeat(CELLS - filled)}] ${Math.round(share * 100)} %  ${size}`
}
