import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'

/** What pipes: streams older than Node's own have neither method. */
interface Source extends EventEmitter {
  unpipe?(res: ServerResponse): unknown
  destroy?(): unknown
}

/** Remembers what is piped into an answer; what it gives back stops all of it, and tells who waits for the answer. */
export function watchSources(res: ServerResponse): (error: Error) => void {
  const sources = new Set<Source>()
  res.on('pipe', (source: Source) => {
    if (sources.size === 0) res.on('unpipe', (gone: Source) => sources.delete(gone))
    sources.add(source)
  })
  return (error) => {
    for (const source of sources) {
      source.unpipe?.(res)
      // Somebody else may read it, too.
      if (source.listenerCount('data') + source.listenerCount('readable') === 0) source.destroy?.()
    }
    // What is still piped would throw the error on, and an 'error' that nobody hears ends the process.
    if (sources.size === 0 && res.listenerCount('error') > 0) res.emit('error', error)
  }
}
