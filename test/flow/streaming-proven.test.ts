import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { Fields, type HttpResponse } from '../../src/core/message.ts'
import { admit } from '../../src/flow/admit.ts'
import { answerHandled } from '../../src/flow/answer.ts'
import { answerStreamed, type StreamedAnswer } from '../../src/flow/answer-stream.ts'
import { streamOf } from '../../src/flow/byte-source.ts'
import type { Opened } from '../../src/flow/inbound/stages.ts'
import { fieldsOf, headersOf } from '../../src/flow/whatwg.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { readProof } from '../../src/signature/proof.ts'
import { signAnswer, signRequest } from '../../src/signature/sign-proof.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { createWire, fieldAt, LEDGER, withoutField } from '../refusals/wire.ts'

const POST = { method: 'POST' } as const
const auto = { seal: 'auto' } as const
const streaming = (text: string) => new Blob([text]).stream() as ReadableStream<Uint8Array>

/** A caller, and a ledger whose answers are made by hand: what is admitted, and what goes back. */
async function answering(make: (stage: Opened, wire: Awaited<ReturnType<typeof createWire>>) => Promise<Response>) {
  const wire = await createWire()
  const sealKey = engineOf(wire.orders).peers.of(wire.ledger.id).sealKey
  const orders = await wire.domain.workload('orders', {
    peers: { [LEDGER]: wire.ledger.id },
    sessions: false,
    async transport(url, init) {
      const { pathname } = new URL(url)
      const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer())
      const request = { method: init.method ?? '', target: pathname, fields: fieldsOf(new Headers(init.headers)) }
      const arrival = { request, mountPath: '', announcesBody: body.length > 0, readBody: () => body }
      const admission = await admit(wire.guard, arrival)
      if (admission.kind !== 'admitted') throw admission.error
      return make(admission.stage, wire)
    },
  })
  engineOf(orders).peers.of(wire.ledger.id).sealKey = sealKey
  return { ...wire, orders }
}

/** An answer that streams, its content all there. */
async function bodyOf({ first, body }: StreamedAnswer, content: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [...first]
  await body.push(utf8(content), (piece) => pieces.push(piece))
  await body.end((piece) => pieces.push(piece))
  return Buffer.concat(pieces)
}

describe('a request that streams', () => {
  it('asks for a sealed answer, and takes no other', async () => {
    let isSigned = true
    const { orders } = await answering(async (stage, { guard }) => {
      const given = { status: 200, fields: new Fields(['content-type', 'text/plain']), body: utf8('plain') }
      if (!isSigned) return new Response('plain')
      // A peer that proves itself and signs, and does not seal.
      const { status, fields, body } = await answerHandled(guard, { ...stage, sealAnswer: false }, given)
      return new Response(body ?? null, { status, headers: headersOf(fields) })
    })
    const send = (mode: 'enforce' | 'observe') =>
      orders.fetch(LEDGER, { ...POST, body: streaming('abc'), countersign: { mode } })
    await expect(send('enforce')).rejects.toMatchObject({ code: 'answer-plaintext' })
    isSigned = false
    await expect(send('observe')).rejects.toMatchObject({ code: 'answer-unsigned' })
  })

  it('is sent as a whole by who could not open the answer, or refused where it is too long for that', async () => {
    const domain = await testDomain('acme.test')
    const seen: (string | null)[] = []
    domain.serve(await domain.workload('ledger'), LEDGER, async (request) => new Response(await request.text()))
    const credentials = selfIssued({ keys: (await domain.credentials()).keys.filter(({ use }) => use !== 'enc') })
    const cancelled: unknown[] = []
    const transport = (url: string, init: RequestInit) => {
      const request = new Request(url, { ...init, duplex: 'half' } as RequestInit)
      seen.push(request.headers.get('content-envelope'))
      return domain.deliver(request)
    }
    const orders = await domain.workload('orders', { credentials, transport, sessions: false })
    const answer = await orders.fetch(LEDGER, { ...POST, body: streaming('abc') })
    expect([await answer.text(), seen.at(-1)]).toEqual(['abc', null])
    const sent = seen.length
    const endless = streamOf({
      read: async () => new Uint8Array(65_536),
      cancel: async (reason) => void cancelled.push(reason),
    })
    const refused = { code: 'credentials-invalid', outcome: 'not-run' }
    await expect(orders.fetch(LEDGER, { ...POST, body: endless })).rejects.toMatchObject(refused)
    expect([seen.length, cancelled]).toEqual([sent, [expect.objectContaining({ code: 'credentials-invalid' })]])
  })

  it('is refused where its proof does not cover which envelope it is', async () => {
    const wire = await createWire()
    const message = await wire.capture({ ...POST, body: streaming('abc'), countersign: auto })
    const proof = readProof(new Fields(message.raw), 'request')
    if (proof === undefined) throw new Error('no proof')
    const { signingKey } = await engineOf(wire.orders).credentials.current()
    const resigned = async (isCovered: boolean) => {
      const left = isCovered ? ['signature', 'signature-input'] : ['signature', 'signature-input', 'content-envelope']
      const bare = left.reduce(withoutField, message)
      const request = { method: message.method, target: message.target, fields: new Fields(bare.raw) }
      const { fields } = await signRequest({ request, parameters: proof.parameters, signingKey })
      const named = isCovered ? {} : { 'content-envelope': fieldAt(message, 'content-envelope') }
      return { ...message, raw: request.fields.with({ ...named, ...fields }).raw }
    }
    const refused = { ran: false, code: 'field-not-covered', bodyWasRead: false }
    expect(await wire.deliver(await resigned(false))).toMatchObject(refused)
    expect(await wire.deliver(await resigned(true))).toMatchObject({ ran: true })
  })

  it('is not read where nobody has proven it, not even on a path that needs no proof', async () => {
    const wire = await createWire({ exempt: ['/health'], maxBodyBytes: 10 })
    const message = await wire.capture({ ...POST, body: streaming('abc'), countersign: auto }, '/health')
    const bare = ['signature', 'signature-input', 'workload-identity-token'].reduce(withoutField, message)
    const read: string[] = []
    const admission = await admit(wire.guard, {
      request: { method: 'GET', target: '/health', fields: new Fields(bare.raw) },
      mountPath: '',
      announcesBody: true,
      readBody: () => {
        read.push('whole')
        return message.body
      },
      streamBody: () => {
        read.push('stream')
        return Promise.reject(new Error('unused'))
      },
    })
    expect(admission).toMatchObject({ kind: 'answered', error: { code: 'unopened', detail: { step: 'no-proof' } } })
    expect(read).toEqual([])
  })
})

describe('an answer that streams', () => {
  /** Signs the head of an answer anew, with or without what names its envelope. */
  async function resign(
    head: HttpResponse,
    { ledger, stage, isCovered }: { ledger: Workload; stage: Opened; isCovered: boolean },
  ): Promise<Fields> {
    const { proof: requestProof, request } = stage
    const proof = readProof(head.fields, 'answer')
    if (proof === undefined || requestProof === undefined) throw new Error('no proof')
    const { signingKey } = await engineOf(ledger).credentials.current()
    const bare = head.fields.without('signature').without('signature-input')
    const fields = isCovered ? bare : bare.without('content-envelope')
    const response = { status: head.status, fields }
    const signed = await signAnswer({ response, request, requestProof, parameters: proof.parameters, signingKey })
    return bare.with(signed.fields)
  }

  it('is refused where its proof does not cover which envelope it is', async () => {
    let isCovered = false
    const { orders } = await answering(async (stage, { guard, ledger }) => {
      const given = { status: 200, fields: new Fields(['content-type', 'text/plain']) }
      const streamed = await answerStreamed(guard, stage, given)
      const headers = headersOf(await resign(streamed.head, { ledger, stage, isCovered }))
      return new Response(new Uint8Array(await bodyOf(streamed, 'abc')), { headers })
    })
    await expect(orders.fetch(LEDGER)).rejects.toMatchObject({
      code: 'answer-unbound',
      detail: { step: 'content-envelope' },
    })
    isCovered = true
    expect(await (await orders.fetch(LEDGER)).text()).toBe('abc')
  })
})
