// A million mutated and random inputs to each parser of envelopes: no crash, no hang, no memory beyond its limit.
//
//   node test/soak/envelopes.mjs            the whole of it, some minutes
//   node test/soak/envelopes.mjs --quick    a hundredth
//
// It runs what `npm run build` made. Inputs come from a generator with a seed that is printed: a failure can be repeated
// with --seed. Each input may end in a result or in a CountersignError, and in nothing else.
import { isCountersignError } from '../../dist/core/errors.js'
import { parseFieldPath } from '../../dist/envelope/field-path.js'
import { openBytes } from '../../dist/envelope/open.js'
import { EnvelopeOpener } from '../../dist/envelope/open-stream.js'
import { readKeyring } from '../../dist/envelope/schema.js'
import { createKeyring, inspect, openText, seal, sealStream } from '../../dist/envelope.js'

const argument = (name) => process.argv[process.argv.indexOf(name) + 1]
const COUNT = process.argv.includes('--quick') ? 10_000 : 1_000_000
const SEED = process.argv.includes('--seed') ? Number(argument('--seed')) : Date.now() % 2 ** 31
const SLOW_MS = 1_000
/** Above what the process needs to begin with: several times what an input of some hundred bytes may be answered with. */
const BOUND_BYTES = 128 * 1_048_576
const idle = process.resourceUsage().maxRSS * 1024

/** A small generator of good spread (xorshift): not for secrets. */
let state = SEED | 1
function below(limit) {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % limit
}

const bytesOf = (length) => Uint8Array.from({ length }, () => below(256))
const EDGES = [0, 1, 15, 16, 32, 33, 127, 128, 255]

/** One change that an attacker would try. */
function changed(bytes, donor) {
  const at = below(bytes.length)
  const copy = Uint8Array.from(bytes)
  const kind = below(7)
  if (kind === 0) return bytesOf(below(400))
  if (kind === 1) return copy.subarray(0, at)
  if (kind === 2) copy[at] ^= 1 << below(8)
  else if (kind === 3) copy[at] = EDGES[below(EDGES.length)]
  else if (kind === 4) return Buffer.concat([copy.subarray(0, at), bytesOf(below(40)), copy.subarray(at)])
  else if (kind === 5) return Buffer.concat([copy.subarray(0, at), donor.subarray(below(donor.length))])
  else copy.set(bytesOf(Math.min(4, bytes.length - at)), at)
  return copy
}

const ring = createKeyring({ primary: 'one', keys: { one: bytesOf(32), two: bytesOf(32) } })
const other = createKeyring({ primary: 'two', keys: { two: bytesOf(32) } })

async function streamed(plaintext, options) {
  const { readable, writable } = sealStream({ to: ring, ...options })
  const writer = writable.getWriter()
  const writing = (async () => {
    for (let at = 0; at < plaintext.length; at += 50) await writer.write(plaintext.subarray(at, at + 50))
    await writer.close()
  })()
  const pieces = []
  for await (const piece of readable) pieces.push(piece)
  await writing
  return Buffer.concat(pieces)
}

const whole = await seal(bytesOf(200), { to: [ring, other] })
const records = await streamed(bytesOf(200), { records: true })
const stream = await streamed(bytesOf(200), {})
const keyring = JSON.stringify({
  primary: 'a',
  keys: { a: { kty: 'oct', k: 'A'.repeat(43) }, b: { key: { kty: 'EC' }, state: 'pending' } },
})
const text = (bytes) => Buffer.from(bytes).toString('latin1')

async function openPieces(bytes) {
  const opener = new EnvelopeOpener({ with: ring })
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + below(120)
    await opener.push(bytes.subarray(at, end), () => undefined)
    at = end
  }
  await opener.end(() => undefined)
}

const genuine = [whole, records, stream]
const KEYED = new Set(['a whole envelope', 'a stream of chunks and records, in pieces', 'a sealed text'])

const parsers = {
  'the header': (bytes) => inspect(bytes),
  'a whole envelope': (bytes) => openBytes(bytes, { with: ring }),
  'a stream of chunks and records, in pieces': openPieces,
  'a sealed text': (bytes) =>
    openText(below(4) === 0 ? text(bytes) : Buffer.from(bytes).toString('base64url'), {
      with: ring,
      context: { id: '1' },
    }),
  'a keyring file': () => {
    try {
      return createKeyring(readKeyring(text(changed(Buffer.from(keyring), Buffer.from(keyring)))))
    } catch (error) {
      // The file source says this of every text that is not JSON.
      if (!(error instanceof SyntaxError)) throw error
    }
  },
  'a path of fields': (bytes) => parseFieldPath(text(bytes.subarray(0, 40))),
}

console.log(`seed ${SEED}, ${COUNT} inputs each`)
let failures = 0
for (const [name, parse] of Object.entries(parsers)) {
  const began = performance.now()
  let [slowest, taken, refused] = [0, 0, 0]
  for (let i = 0; i < COUNT; i++) {
    const from = [whole, records, stream][below(3)]
    const input = changed(from, [whole, records, stream][below(3)])
    const started = performance.now()
    try {
      await parse(input)
      taken++
      // What a key has to open is one of those that were sealed: nothing else ever opens.
      if (KEYED.has(name) && !genuine.some((one) => Buffer.compare(one, input) === 0)) {
        failures++
        console.error(`${name}: opened what nobody sealed\n  input ${Buffer.from(input).toString('hex')}`)
      }
    } catch (error) {
      refused++
      if (!isCountersignError(error)) {
        failures++
        console.error(`${name}: ${error?.stack}\n  input ${Buffer.from(input).toString('hex')}`)
      }
    }
    slowest = Math.max(slowest, performance.now() - started)
  }
  const seconds = (performance.now() - began) / 1000
  if (slowest > SLOW_MS) failures++
  console.log(`${name}: ${refused} refused, ${taken} taken, slowest ${slowest.toFixed(1)} ms, ${seconds.toFixed(0)} s`)
}
const peak = process.resourceUsage().maxRSS * 1024 - idle
console.log(`peak memory above idle ${(peak / 1_048_576).toFixed(0)} MiB, bound ${BOUND_BYTES / 1_048_576} MiB`)
if (peak > BOUND_BYTES) failures++
process.exitCode = failures === 0 ? 0 : 1
