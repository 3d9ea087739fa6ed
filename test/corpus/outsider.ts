import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import type { Case } from './case.ts'

/** Where the outsider's lines go: before all others, or behind them. */
export type Place = 'front' | 'end'

const TARGET = '/case'

/** Puts the lines of a case into the head of a request without a body, and its trailers behind it. */
function withLines(head: string, { raw, trailers }: Pick<Case, 'raw' | 'trailers'>, place: Place): string {
  const lines = trailers.length === 0 ? raw : [...raw, 'Transfer-Encoding: chunked']
  const added = lines.map((line) => `${line}\r\n`).join('')
  const start = place === 'front' ? head.indexOf('\r\n') + 2 : head.length - 2
  const body = trailers.length === 0 ? '' : `0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`
  return head.slice(0, start) + added + head.slice(start) + body
}

/** Sends a request as it stands, by nobody, and gives the status of the answer; 0 where there was none. */
export function sendRaw(port: number, one: Case, place: Place): Promise<number> {
  const head = `GET ${TARGET} HTTP/1.1\r\nHost: ledger.test\r\nConnection: close\r\n\r\n`
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(withLines(head, one, place), 'latin1'))
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)))
  })
}

/** Somebody between a caller and a service, who adds lines to requests after they were signed. */
export interface Outsider {
  readonly origin: string
  adds: { one: Pick<Case, 'raw' | 'trailers'>; place: Place }
  close(): void
}

export async function startOutsider(port: number): Promise<Outsider> {
  const open = new Set<Socket>()
  const outsider = { origin: '', adds: { one: { raw: [], trailers: [] }, place: 'end' } as Outsider['adds'], close }
  const server = createServer((caller) => {
    const service = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [caller, service],
      [service, caller],
    ] as const) {
      open.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        open.delete(from)
        to.end()
      })
    }
    service.pipe(caller)
    caller.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      // The calls of the corpus have no body, and heads that fit into one piece; handshakes pass as they are.
      const ours = text.startsWith(`GET ${TARGET} `) && text.endsWith('\r\n\r\n')
      service.write(ours ? withLines(text, outsider.adds.one, outsider.adds.place) : text, 'latin1')
    })
  })
  function close() {
    for (const socket of open) socket.destroy()
    server.close()
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  outsider.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return outsider
}
