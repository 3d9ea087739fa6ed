import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

// One listener a socket, however many calls are pipelined on it: a listener for each would be counted as a leak.
const watchers = new WeakMap<Socket, Set<() => void>>()

/** Calls back once when the connection is gone, also for answers that still wait for their turn on it. */
export function onSocketClose(socket: Socket, callback: () => void): () => void {
  if (socket.closed) {
    let wanted = true
    process.nextTick(() => {
      if (wanted) callback()
    })
    return () => {
      wanted = false
    }
  }
  const callbacks = watchers.get(socket) ?? watch(socket)
  callbacks.add(callback)
  return () => {
    callbacks.delete(callback)
  }
}

function watch(socket: Socket): Set<() => void> {
  const callbacks = new Set<() => void>()
  watchers.set(socket, callbacks)
  socket.once('close', () => {
    for (const callback of callbacks) callback()
    callbacks.clear()
  })
  return callbacks
}

/**
 * Closes an answer whose connection is gone. Node does so only with the one whose turn it is: whoever writes one that still
 * waits for its turn would never hear of it.
 */
export function closeAnswer(res: ServerResponse & { _closed: boolean }): void {
  res.destroy()
  if (res.socket !== null || res.closed) return
  res._closed = true
  // Later: a listener that throws is not to keep it from the other answers.
  process.nextTick(() => res.emit('close'))
}
