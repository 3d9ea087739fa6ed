import type { Socket } from 'node:net'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import type { ShownCertificate } from '../trust/verify-certificate.ts'

const MAX_CHAIN = 11

/** To read them costs as much as a call: once for each connection, and one value for each, by which it is known. */
const shown = new WeakMap<Socket, ShownCertificate | false>()

/**
 * Gives the certificate that the other end of a TLS connection has shown, and proven to hold the key of; undefined where it
 * has shown none. Node's word on whether it is to be believed is not asked for.
 */
export function certificateOn(socket: Socket): ShownCertificate | undefined {
  const known = shown.get(socket)
  if (known !== undefined) return known === false ? undefined : known
  const found = isTls(socket) ? chainOf(socket.getPeerCertificate(true)) : undefined
  shown.set(socket, found ?? false)
  return found
}

function isTls(socket: Socket): socket is TLSSocket {
  return 'getPeerCertificate' in socket && typeof socket.getPeerCertificate === 'function'
}

function chainOf(first: Partial<DetailedPeerCertificate>): ShownCertificate | undefined {
  if (first.raw === undefined) return undefined
  const others: Uint8Array[] = []
  let last = first
  for (let next = last.issuerCertificate; next?.raw !== undefined && next !== last; next = next.issuerCertificate) {
    if (others.length === MAX_CHAIN) break
    others.push(new Uint8Array(next.raw))
    last = next
  }
  return { leaf: new Uint8Array(first.raw), others }
}
