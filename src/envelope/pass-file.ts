import { platform } from '#platform'
import type { Bytes } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Body, Put } from './body.ts'
import { optionInvalid } from './misuse.ts'

/** A body that may have something to write before anything is read. */
interface Passage extends Body {
  start?(put: Put): MaybePromise<unknown>
}

function checkPath(path: string, option: string): void {
  // Condition: a file to seal or open that has no path is refused.
  if (typeof path !== 'string' || path === '' || path.includes('\0')) throw optionInvalid(option, 'give a path')
}

/** Reads a file, passes it through a body and writes what comes out: as a whole or not at all, a piece at a time. */
export async function passFile(from: string, to: string, body: Passage): Promise<void> {
  checkPath(from, 'from')
  checkPath(to, 'to')
  await platform.writeWhole(to, async (write) => {
    let ready: Bytes[] = []
    const put = (piece: Bytes) => {
      ready.push(piece)
    }
    const after = async (work: MaybePromise<unknown>) => {
      await work
      for (const piece of ready) await write(piece)
      ready = []
    }
    await after(body.start?.(put))
    for await (const piece of platform.readPieces(from)) await after(body.push(piece, put))
    await after(body.end(put))
  })
}
