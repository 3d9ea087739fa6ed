import { PassThrough, Writable } from 'node:stream'
import { run } from '../../src/cli/run.ts'

/** Runs the command with what is piped in, and gives all that it said. */
export async function command(args: readonly string[], piped = new Uint8Array(0), isTTY = false) {
  const said = { out: [] as Buffer[], err: '' }
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      said.out.push(Buffer.from(chunk))
      done()
    },
  })
  const stderr = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        said.err += chunk
        done()
      },
    }),
    { isTTY },
  )
  const stdin = new PassThrough()
  stdin.end(piped)
  const code = await run(args, { stdin, stdout, stderr })
  return { code, out: Buffer.concat(said.out), err: said.err }
}
