import { platform } from '#platform'

/**
 * The runtime's own `fetch`. Where that would keep a stream in memory for the sake of a redirect, none may come: a call
 * that sends a stream and is answered by one fails there.
 */
export function runtimeFetch(url: string, init: RequestInit): Promise<Response> {
  const isKept = platform.fetchKeepsStreams && init.body instanceof ReadableStream
  return fetch(url, isKept ? { ...init, redirect: 'error', window: null } : init)
}
