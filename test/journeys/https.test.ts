import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/node.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { socketDomain } from './domain.ts'

/** A certificate nobody needs to believe: the peer is held to its workload identity, whatever TLS says. */
function selfSigned(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1']
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      { stdio: 'ignore' },
    )
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const tls = selfSigned()

it.skipIf(tls === undefined)('guards a listener of node:https', async () => {
  const world = await socketDomain()
  const listener = guard(world.ledger, { policy: allowAuthenticated() }, (req, res) => {
    res.end(callOf(req).peer.id)
  })
  const server = createServer(tls ?? {}, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const overTls = (url: string, init: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(init.headers))
      const req = httpsRequest(url, { method: init.method, headers, ca: tls?.cert }, async (res) => {
        const chunks: Buffer[] = []
        for await (const chunk of res) chunks.push(chunk as Buffer)
        const pairs = Object.entries(res.headers).map(([name, value]): [string, string] => [name, String(value)])
        resolve(new Response(new Uint8Array(Buffer.concat(chunks)), { status: res.statusCode ?? 0, headers: pairs }))
      })
      req.on('error', reject)
      req.end(init.body ?? undefined)
    })
  const orders = await world.caller('orders', origin, { transport: overTls })
  for (const seal of ['never', 'always'] as const) {
    const answer = await orders.fetch(`${origin}/x`, { method: 'POST', body: 'b', countersign: { seal } })
    expect(await answer.text()).toBe(orders.id)
    expect(answerOf(answer).sealed).toBe(seal === 'always')
  }
  server.closeAllConnections()
  server.close()
})
