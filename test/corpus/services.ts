import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http'
import express from 'express'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard as guardExpress } from '../../src/adapters/express.ts'
import { guard as guardFetch } from '../../src/adapters/fetch.ts'
import { guard as guardNode } from '../../src/adapters/node.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { listen, type Service } from '../journeys/servers.ts'

/** All that a handler can find of a request: names of fields as it meets them, and everything with its values. */
export interface Seen {
  readonly names: readonly string[]
  readonly all: unknown
  readonly peer: string
  readonly by: string
}

/** What each service does besides telling what it saw: it calls on, as handlers do. */
export interface Handling {
  readonly seen: (what: Seen) => void
  readonly callOn: () => Promise<unknown>
}

export type StartCorpusService = (workload: Workload, options: GuardOptions, handling: Handling) => Promise<Service>

const odd = (list: readonly string[]) => list.filter((_, i) => i % 2 === 0)

async function ofNode(req: IncomingMessage): Promise<Omit<Seen, 'peer' | 'by'>> {
  for await (const _ of req) {
    // Trailers are there once the body has been read.
  }
  const { headers, rawHeaders, headersDistinct, trailers, rawTrailers, trailersDistinct, method, url } = req
  const all = { headers, rawHeaders, headersDistinct, trailers, rawTrailers, trailersDistinct, method, url }
  const records = [headers, headersDistinct, trailers, trailersDistinct]
  return { names: [...records.flatMap(Object.keys), ...odd(rawHeaders), ...odd(rawTrailers)], all }
}

function tell(request: object, what: Omit<Seen, 'peer' | 'by'>, { seen }: Handling): void {
  const { peer, id, transaction } = callOf(request) as { peer: Seen; id: string; transaction?: unknown } & ReturnType<
    typeof callOf
  >
  seen({ ...what, all: [what.all, peer, id, transaction], peer: peer.id, by: peer.authenticatedBy })
}

const nodeServer =
  (how: ServerOptions): StartCorpusService =>
  (workload, options, handling) => {
    const listener = guardNode(workload, options, async (req: IncomingMessage, res: ServerResponse) => {
      tell(req, await ofNode(req), handling)
      await handling.callOn()
      res.end('done')
    })
    return listen(createServer(how, listener))
  }

const SAID_BY_PROXIES = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-user-id', 'client-cert', 'from']

/** Trusts every proxy, which is what shows a field that came through most of all. */
const expressApp: StartCorpusService = (workload, options, handling) => {
  const app = express()
  app.set('trust proxy', true)
  app.set('env', 'test')
  app.use(guardExpress(workload, options))
  app.use(async (req, res) => {
    const { names, all } = await ofNode(req)
    const { ip, ips, hostname, host, protocol, subdomains, xhr, query, originalUrl } = req
    const got = [...SAID_BY_PROXIES, ...names].map((name) => req.get(name))
    const derived = { ip, ips, hostname, host, protocol, subdomains, xhr, query, originalUrl, got }
    tell(req, { names, all: [all, derived] }, handling)
    await handling.callOn()
    res.send('done')
  })
  return listen(createServer(app))
}

/** A Fetch handler behind a server of our own, which refuses what no `Headers` can be made of. */
const fetchHandler: StartCorpusService = (workload, options, handling) => {
  const handle = guardFetch(workload, options, async (request) => {
    const { method, url, headers } = request
    await request.text()
    const fields = [...headers]
    tell(request, { names: fields.map(([name]) => name), all: { method, url, fields } }, handling)
    await handling.callOn()
    return new Response('done')
  })
  return listen(
    createServer(async (req, res) => {
      let request: Request
      try {
        const headers = new Headers()
        for (let i = 0; i + 1 < req.rawHeaders.length; i += 2)
          headers.append(`${req.rawHeaders[i]}`, `${req.rawHeaders[i + 1]}`)
        request = new Request(`http://${req.headers.host}${req.url}`, { headers })
      } catch {
        res.writeHead(400).end()
        return
      }
      const response = await handle(request)
      res.writeHead(response.status, [...response.headers].flat())
      res.end(Buffer.from(await response.arrayBuffer()))
    }),
  )
}

export const corpusServices = {
  node: nodeServer({}),
  /** A parser that takes folded lines, control characters and much else, and joins what it would drop. */
  lenient: nodeServer({ insecureHTTPParser: true, joinDuplicateHeaders: true }),
  express: expressApp,
  fetch: fetchHandler,
} as const
