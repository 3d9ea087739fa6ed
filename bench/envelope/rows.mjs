// The rows about envelopes of any size.
import { runOnce } from '../child.mjs'
import { sidesOf } from '../statistics.mjs'

const RATE = { better: 'more', floor: 0.9, goal: 0.9 }

const large = (mebibytes) => ({
  name: `envelope-${mebibytes}-mib`,
  title: `Seal or open ${mebibytes} MiB ÷ bare AES-256-GCM of Node`,
  equal:
    'Bytes, key length and backend; one process. Bare: one update of all the bytes. Streams: pieces of 64 KiB in, what comes out is dropped.',
  async run(effort) {
    const rounds = await runOnce('envelope/large.mjs', { mebibytes }, effort)
    const figure = (name, bare, bounds = RATE) => ({
      label: `bytes/s, ${name} ÷ bare`,
      bounds,
      values: rounds.map((round) => round[bare] / round[name]),
    })
    return {
      sides: sidesOf(rounds),
      figures: [
        figure('seal', 'bare seal'),
        figure('open', 'bare open'),
        figure('sealStream', 'bare seal'),
        figure('openStream', 'bare open'),
        { ...figure('WebCrypto seal', 'bare seal'), bounds: undefined },
      ],
    }
  },
})

const MEBIBYTE = 1_048_576

const memory = {
  name: 'envelope-memory',
  title: 'Streams through sealStream and openStream in one process',
  equal:
    'Pieces of 64 KiB from one buffer; the peak is the high-water mark of resident memory, above that after one piece.',
  async run({ streamBytes }) {
    const { peak, fired, seconds } = await runOnce('envelope/memory.mjs', { bytes: streamBytes }, {})
    const size = `${streamBytes / MEBIBYTE} MiB`
    const bounds = { better: 'less', floor: 32, goal: 32 }
    return {
      sides: {},
      figures: [
        { label: `peak memory above idle, ${size}`, unit: 'MiB', bounds, values: [peak / MEBIBYTE] },
        { label: `rounds of a 5 ms timer meanwhile, a GiB`, values: [(fired * 1024 * MEBIBYTE) / streamBytes] },
        { label: 'both ways', unit: 'MiB/s', values: [streamBytes / MEBIBYTE / seconds] },
      ],
    }
  },
}

export const envelopeRows = [large(1), large(16), memory]
