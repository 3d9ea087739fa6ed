// What streams of any size need: the operating system's high-water mark, above that of the same process at rest.
import { randomBytes } from 'node:crypto'
import { createKeyring, openStream, sealStream } from 'countersign/envelope'
import { answering, given } from '../answering.mjs'

const PIECE = randomBytes(65_536)
const keyring = createKeyring({ primary: 'one', keys: { one: randomBytes(32) } })
const peakBytes = () => process.resourceUsage().maxRSS * 1024

async function pass(bytes) {
  let left = bytes
  const source = new ReadableStream({
    pull(controller) {
      left -= PIECE.length
      controller.enqueue(PIECE)
      if (left <= 0) controller.close()
    },
  })
  let length = 0
  const opened = source.pipeThrough(sealStream({ to: keyring })).pipeThrough(openStream({ with: keyring }))
  for await (const piece of opened) length += piece.length
  if (length !== bytes) throw new Error(`${length} bytes came out`)
}

async function run() {
  await pass(PIECE.length)
  const idle = peakBytes()
  let fired = 0
  const timer = setInterval(() => fired++, 5)
  const began = performance.now()
  await pass(given.bytes)
  clearInterval(timer)
  return { peak: peakBytes() - idle, fired, seconds: (performance.now() - began) / 1000 }
}

answering({ run })
