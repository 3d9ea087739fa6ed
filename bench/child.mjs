// Child processes of the bench, seen from the parent: questions and answers over IPC, nothing shared.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SLOW_MS = 900_000

/** Starts a program, has it run once, and ends it; gives what it measured. */
export async function runOnce(program, options, effort) {
  const child = start(program, options)
  try {
    return await child.ask('run', effort)
  } finally {
    await child.stop()
  }
}

/** Starts a program of the bench. It ends when `stop` is called or when this process goes away. */
export function start(program, options = {}, execArgv = []) {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), [JSON.stringify(options)], {
    execArgv,
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const waiting = new Map()
  let last = 0
  const fail = (why) => {
    for (const { reject } of waiting.values()) reject(new Error(`${program}: ${why}`))
    waiting.clear()
  }
  child.on('message', ({ id, result, error }) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(result)
    else asked?.reject(new Error(`${program}: ${error}`))
  })
  child.on('exit', (code, signal) => fail(`ended with ${signal ?? code}`))
  child.on('error', (cause) => fail(cause.message))

  function ask(command, given) {
    return new Promise((resolve, reject) => {
      const id = ++last
      const timer = setTimeout(() => reject(new Error(`${program}: no answer to ${command}`)), SLOW_MS)
      const settle = (done) => (value) => {
        clearTimeout(timer)
        done(value)
      }
      waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
      if (child.connected) child.send({ id, command, given })
      else fail('is gone')
    })
  }

  async function stop() {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await ask('stop').catch(() => child.kill())
    if (child.connected) child.disconnect()
    await ended
  }

  return { ask, stop }
}
