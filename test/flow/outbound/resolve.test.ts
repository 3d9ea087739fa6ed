import { beforeAll, describe, expect, it } from 'vitest'
import type { Workload } from '../../../src/flow/workload.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'

describe('a call is read in the terms of fetch', () => {
  let orders: Workload
  const seen: { method: string; url: string; type: string | null; body: string }[] = []

  beforeAll(async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    domain.serve(ledger, 'https://ledger.test', async (request) => {
      seen.push({
        method: request.method,
        url: request.url,
        type: request.headers.get('content-type'),
        body: await request.text(),
      })
      return new Response('ok')
    })
    orders = await domain.workload('orders')
  })

  const url = 'https://ledger.test/entries'
  const option = (code: string) => expect.objectContaining({ code })

  it('a call to another scheme than http and https, or with credentials in its URL, is refused', async () => {
    for (const bad of [
      'ftp://ledger.test/x',
      'https://user:pass@ledger.test/x',
      'https://user@ledger.test/x',
      'https://:pass@ledger.test/x',
      'data:,x',
      '/relative',
    ]) {
      await expect(orders.fetch(bad), bad).rejects.toThrow(option('option-invalid'))
    }
  })

  it('a call to an origin that belongs to no known peer is refused', async () => {
    await expect(orders.fetch('https://elsewhere.test/x')).rejects.toThrow('https://elsewhere.test')
    await expect(orders.fetch('http://ledger.test/x')).rejects.toThrow(option('peer-unknown'))
    await expect(orders.fetch('https://ledger.test:8443/x')).rejects.toThrow(option('peer-unknown'))
  })

  it('a call that sets a field the library writes itself is refused', async () => {
    for (const name of [
      'Signature',
      'signature-input',
      'Workload-Identity-Token',
      'content-digest',
      'content-envelope',
      'workload-proof-token',
      'Accept-Envelope',
    ]) {
      await expect(orders.fetch(url, { headers: { [name]: 'x' } })).rejects.toThrow(option('field-reserved'))
    }
  })

  it('a GET or HEAD with a body is refused, as fetch does', async () => {
    await expect(orders.fetch(url, { body: 'x' })).rejects.toThrow(TypeError)
    await expect(orders.fetch(url, { method: 'HEAD', body: 'x' })).rejects.toThrow(TypeError)
  })

  it('takes every kind of body and input that fetch takes', async () => {
    seen.length = 0
    const form = new FormData()
    form.set('a', '1')
    const stream = new Blob(['streamed']).stream()
    await orders.fetch(url, {
      method: 'POST',
      body: 'text',
      headers: { 'content-length': '4' },
      countersign: { seal: 'always' },
    })
    await orders.fetch(new URL(url), { method: 'post', body: new URLSearchParams({ a: '1' }) })
    await orders.fetch(url, { method: 'POST', body: new Uint8Array([104, 105]) })
    await orders.fetch(url, { method: 'POST', body: new Blob(['blob'], { type: 'text/x' }) })
    await orders.fetch(url, { method: 'POST', body: form })
    await orders.fetch(new Request(url, { method: 'PUT', body: 'request', headers: { 'content-type': 'text/y' } }))
    // Node's fetch asks for `duplex`; no DOM type has it.
    await orders.fetch(url, { method: 'POST', body: stream, duplex: 'half' } as RequestInit)
    expect(seen.map(({ method, type, body }) => [method, type?.split(';')[0] ?? null, body.slice(0, 8)])).toEqual([
      ['POST', 'text/plain', 'text'],
      ['POST', 'application/x-www-form-urlencoded', 'a=1'],
      ['POST', null, 'hi'],
      ['POST', 'text/x', 'blob'],
      ['POST', 'multipart/form-data', expect.stringMatching(/^--/)],
      ['PUT', 'text/y', 'request'],
      ['POST', null, 'streamed'],
    ])
  })

  it('sends the bytes as they were when it was called', async () => {
    seen.length = 0
    const body = new Uint8Array([104, 105])
    const asked = orders.fetch(url, { method: 'POST', body })
    body.fill(120)
    await asked
    expect(seen.map(({ body: text }) => text)).toEqual(['hi'])
  })

  it('leaves counting to the transport, whichever way the body comes', async () => {
    const { resolve } = await import('../../../src/flow/outbound/resolve.ts')
    const destination = { peerAt: () => 'spiffe://acme.test/ledger', baseUrl: undefined, basePath: '' }
    const headers = { 'content-length': '1', 'x-own': '1' }
    for (const body of ['x', new Blob(['x'])]) {
      const init = { method: 'POST', body, headers }
      const { fields } = await resolve(destination, { input: url, init, options: {} })
      expect([fields.has('content-length'), fields.get('x-own')]).toEqual([false, '1'])
    }
  })

  it('returns redirects whatever a Request says by default, and heeds what it says in so many words', async () => {
    const { resolve } = await import('../../../src/flow/outbound/resolve.ts')
    const destination = { peerAt: () => 'spiffe://acme.test/ledger', baseUrl: undefined, basePath: '' }
    const redirectOf = async (input: string | Request, init?: RequestInit) =>
      (await resolve(destination, { input, init, options: {} })).redirect
    expect(await redirectOf(url)).toBe('manual')
    expect(await redirectOf(new Request(url))).toBe('manual')
    expect(await redirectOf(new Request(url, { redirect: 'error' }))).toBe('error')
    expect(await redirectOf(new Request(url), { redirect: 'follow' })).toBe('follow')
    expect(await redirectOf(url, { redirect: 'follow' })).toBe('follow')
  })

  it('refuses unknown and wrong options by name', async () => {
    // What a JavaScript user can pass without a type checker.
    const bad = [{ seal: 'maybe' }, { timeoutMs: 0 }, { tiemoutMs: 1 }] as unknown as { timeoutMs: number }[]
    for (const countersign of bad) {
      await expect(orders.fetch(url, { countersign })).rejects.toThrow(option('option-invalid'))
    }
  })

  it('brings a path into its one spelling where its meaning stays the same', async () => {
    seen.length = 0
    await orders.fetch('https://ledger.test/%7euser/caf%c3%a9?q=%zz')
    expect(seen[0]?.url).toBe('https://ledger.test/~user/caf%C3%A9?q=%zz')
    await expect(orders.fetch('https://ledger.test/a%2fb')).rejects.toThrow(option('target-not-canonical'))
    await expect(orders.fetch('https://ledger.test/a//b')).rejects.toThrow(option('target-not-canonical'))
  })
})
