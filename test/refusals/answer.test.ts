import { beforeAll, describe, expect, it } from 'vitest'
import type { Code } from '../../src/core/codes.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { SESSION_PATH } from '../../src/flow/discovery-path.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { type TestDomain, testDomain } from '../../src/testing/test-domain.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { flip } from './wire.ts'

const ORIGIN = 'https://ledger.test'
const OTHER = 'https://other.test'

type Change = (answer: Response, body: Uint8Array<ArrayBuffer>) => Response | Promise<Response>

describe.each(['signature', 'session'] as const)(
  'an answer by a %s that was changed on its way is refused',
  (proof) => {
    let domain: TestDomain
    let orders: Workload
    let change: Change = (answer, body) => new Response(body, answer)
    const bodies = new Map<string, Response>()

    beforeAll(async () => {
      domain = await testDomain('acme.test')
      const ledger = await domain.workload('ledger')
      const other = await domain.workload('other')
      const handler = (request: Request) =>
        Response.json(
          { path: new URL(request.url).pathname },
          { status: 201, headers: { 'x-balance': '100', etag: '"a"' } },
        )
      domain.serve(ledger, ORIGIN, handler)
      domain.serve(other, OTHER, handler)
      orders = await domain.workload('orders', {
        peers: { [ORIGIN]: ledger.id },
        ...(proof === 'signature' ? { sessions: false as const } : {}),
        transport: async (url, init) => {
          const answer = await domain.deliver(new Request(url, init))
          if (url.endsWith(SESSION_PATH)) return answer
          bodies.set(url, answer.clone())
          return change(answer, new Uint8Array(await answer.arrayBuffer()))
        },
      })
    })

    const call = (path = '/entries') =>
      orders.fetch(ORIGIN + path, { method: 'POST', body: 'x', countersign: { seal: 'never' } })

    async function codeOf(how: Change, path?: string): Promise<Code> {
      change = how
      domain.sink.clear()
      try {
        await call(path)
      } catch (error) {
        if (!isCountersignError(error)) throw error
        await orders.audit.flush()
        const events = domain.sink.events.filter(({ side }) => side === 'caller')
        expect(events.map(({ code }) => code)).toEqual([error.code])
        return error.code
      } finally {
        change = (answer, body) => new Response(body, answer)
      }
      throw new Error('the changed answer was taken')
    }

    const withHeaders = (
      answer: Response,
      body: Uint8Array<ArrayBuffer>,
      set: (headers: Headers) => void,
    ): Response => {
      const headers = new Headers(answer.headers)
      set(headers)
      return new Response(body, { status: answer.status, headers })
    }

    const changed: readonly Code[] = [
      'answer-unsigned',
      'answer-invalid',
      'answer-unbound',
      'answer-foreign',
      'answer-malformed',
      'envelope-malformed',
    ]

    const names = [
      'content-type',
      'x-balance',
      'etag',
      'content-digest',
      'cache-control',
      'signature',
      'signature-input',
      ...(proof === 'signature' ? ['workload-identity-token'] : []),
    ]

    it('is taken as it was sent', async () => {
      const answer = await call()
      expect([answer.status, answer.headers.get('x-balance')]).toEqual([201, '100'])
      expect(answerOf(answer).peer.authenticatedBy).toBe(proof)
    })

    it('another status', async () => {
      for (const status of [200, 202, 400, 404, 500, 502]) {
        expect(await codeOf((answer, body) => new Response(body, { status, headers: answer.headers }))).toBe(
          'answer-invalid',
        )
      }
    })

    it('each byte of the body', async () => {
      const length = (await (await call()).arrayBuffer()).byteLength
      for (let i = 0; i < length; i++) {
        const code = await codeOf((answer, body) => {
          body[i] = (body[i] as number) ^ 1
          return new Response(body, answer)
        })
        expect(code).toBe('answer-invalid')
      }
      expect(await codeOf((answer) => new Response(null, answer))).toBe('answer-invalid')
      expect(await codeOf((answer, body) => new Response(new Uint8Array([...body, 10]), answer))).toBe('answer-invalid')
    })

    it('each character of each covered field and of the signature', async () => {
      await call()
      for (const name of names) {
        const value = bodies.get(`${ORIGIN}/entries`)?.headers.get(name) ?? ''
        expect(value.length).toBeGreaterThan(0)
        for (let i = 0; i < value.length; i++) {
          const code = await codeOf((answer, body) =>
            withHeaders(answer, body, (headers) => headers.set(name, flip(headers.get(name) ?? '', i))),
          )
          expect(changed).toContain(code)
        }
      }
    }, 60_000)

    it('each covered field dropped or doubled', async () => {
      for (const name of names) {
        expect(changed).toContain(
          await codeOf((answer, body) => withHeaders(answer, body, (headers) => headers.delete(name))),
        )
        const double = (headers: Headers) => headers.append(name, headers.get(name) ?? '')
        expect(changed).toContain(await codeOf((answer, body) => withHeaders(answer, body, double)))
      }
    })

    it('an answer without a signature is not taken, whoever gives it', async () => {
      expect(await codeOf((_answer) => new Response('Bad Gateway', { status: 502 }))).toBe('answer-unsigned')
      expect(await codeOf((_answer) => new Response(null, { status: 204 }))).toBe('answer-unsigned')
    })

    it('the answer to another call, to the same call before, and of another workload', async () => {
      await call('/a')
      const toA = bodies.get(`${ORIGIN}/a`)
      expect(await codeOf(() => (toA as Response).clone(), '/b')).toBe('answer-unbound')
      expect(await codeOf(() => (toA as Response).clone(), '/a')).toBe('answer-unbound')
      const foreign = await domain.workload('orders', { peers: { [OTHER]: 'spiffe://acme.test/ledger' } })
      await expect(foreign.fetch(`${OTHER}/x`)).rejects.toMatchObject({
        code: expect.stringMatching(/^answer-(foreign|unbound|invalid)$/),
      })
    })

    it('a field that no proof covers does not reach the caller', async () => {
      change = (answer, body) =>
        withHeaders(answer, body, (headers) => {
          headers.set('x-admin', 'true')
          headers.append('set-cookie', 'session=evil')
        })
      const answer = await call()
      expect(answer.headers.get('x-admin')).toBeNull()
      expect(answer.headers.getSetCookie()).toEqual([])
      change = (given, body) => new Response(body, given)
    })
  },
)
