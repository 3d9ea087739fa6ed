import { answering } from '../answering.mjs'

/** Listens on a free port of the loopback and tells the parent; `close` ends what has to be written down. */
export function serve(server, { close, scheme = 'http' } = {}) {
  const listening = new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(`${scheme}://127.0.0.1:${server.address().port}`))
  })
  answering({
    origin: () => listening,
    /** What is in use after a collection; only a process started with --expose-gc can tell. */
    memory() {
      globalThis.gc?.()
      globalThis.gc?.()
      return process.memoryUsage()
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await close?.()
    },
  })
}
