import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type CertificateHolder, createCertificateHolder } from '../../src/keys/certificate-holder.ts'
import { type CertificateSource, certificateFiles, certificatePem } from '../../src/keys/certificate-source.ts'
import { readOwnCertificate } from '../../src/keys/own-certificate.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import {
  alternativeNames,
  bothUses,
  CLIENT_AUTH,
  ecKey,
  extendedKeyUsage,
  leafUsage,
  type Made,
  makeCa,
  makeLeaf,
  NOW_MS,
  uriName,
} from '../support/certificate.ts'
import { keyPemOf, pairOf, pemOf } from '../support/pem.ts'

const ID = 'spiffe://acme.test/orders'
const HOUR_MS = 3_600_000
const ca = makeCa()
const middle = makeCa({ by: ca })
const leaf = makeLeaf({ by: middle })

function read(certificate: string, key = keyPemOf(leaf), nowMs = NOW_MS) {
  return readOwnCertificate({ certificate, key }, { id: ID, clock: createFakeClock(nowMs) })
}

async function detailOf(...given: Parameters<typeof read>) {
  const error = await refusalOf(() => read(...given))
  expect(error.code).toBe('credentials-invalid')
  expect(error.message).toContain(error.detail.option)
  expect(error.message).toContain(error.detail.fix)
  return error.detail
}

describe('a certificate of one’s own', () => {
  it('is read with those that lead to its CA, whatever the line ends and blank lines', async () => {
    const text = `\n${pemOf(leaf)}\n\n${pemOf(middle)}\n`
    for (const chain of [text, text.replaceAll('\n', '\r\n')]) {
      const own = await read(chain)
      expect(own).toMatchObject({ chainPem: chain, expiresAt: NOW_MS + HOUR_MS, leaf: leaf.der })
      expect(own.thumbprint).toMatch(/^[\w-]{43}$/)
      expect(JSON.stringify(own)).not.toContain('PRIVATE')
    }
  })

  it('may be for one part of a connection under wimse', async () => {
    const uris = ['wimse://acme.test/orders']
    for (const use of [CLIENT_AUTH, '1.3.6.1.5.5.7.3.1']) {
      const extensions = [leafUsage, extendedKeyUsage(use), alternativeNames(...uris.map(uriName))]
      const made = makeLeaf({ by: ca, extensions })
      const clock = createFakeClock(NOW_MS)
      const own = await readOwnCertificate(pairOf(made), { id: uris[0] ?? '', clock })
      expect(own.leaf).toEqual(made.der)
    }
  })

  it('a certificate of one’s own that is not one to ten in PEM is refused', async () => {
    const eleven = Array.from({ length: 11 }, () => pemOf(leaf)).join('')
    for (const text of ['', 'x', keyPemOf(leaf), `${pemOf(leaf)}x`, eleven])
      expect((await detailOf(text)).fix).toBe('give one to ten certificates in PEM, its own first')
    expect((await detailOf(5 as unknown as string)).fix).toContain('in PEM')
    expect((await read(Array.from({ length: 10 }, () => pemOf(leaf)).join(''))).leaf).toEqual(leaf.der)
  })

  it('a certificate of one’s own that is none of a workload is refused', async () => {
    expect((await detailOf(pemOf(ca), keyPemOf(ca))).step).toBe('uris')
    const bare = makeLeaf({ by: ca, extensions: [leafUsage, bothUses] })
    expect((await detailOf(pemOf(bare), keyPemOf(bare))).step).toBe('uris')
    const broken = { ...leaf, der: leaf.der.subarray(0, 40) }
    expect((await detailOf(pemOf(leaf) + pemOf(broken))).step).toBe('der-cut-short')
  })

  it('a certificate of one’s own that names another workload is refused', async () => {
    const other = makeLeaf({ by: ca, uris: ['spiffe://acme.test/ledger'] })
    const { option, fix } = await detailOf(pemOf(other), keyPemOf(other))
    expect([option, fix]).toEqual(['certificate', `give one whose URI is ${ID}`])
  })

  it('a certificate of one’s own with a weak or unknown key is refused', async () => {
    const key = ecKey('P-521')
    const weak = makeLeaf({ by: ca, key })
    expect((await detailOf(pemOf(weak), keyPemOf(weak))).option).toBe('certificate')
  })

  it('a certificate of one’s own that has expired is refused', async () => {
    expect((await detailOf(pemOf(leaf), keyPemOf(leaf), NOW_MS + HOUR_MS + 1)).fix).toContain('expired')
    expect((await read(pemOf(leaf), keyPemOf(leaf), NOW_MS + HOUR_MS)).leaf).toEqual(leaf.der)
  })

  it('a key of one’s own certificate that cannot be read is refused', async () => {
    const sealed = leaf.key.privateKey.export({
      format: 'pem',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    }) as string
    for (const key of ['', 'x', pemOf(leaf), sealed, 5 as unknown as string]) {
      const { option, fix } = await detailOf(pemOf(leaf), key)
      expect([option, fix]).toEqual(['key', 'give its private key in PEM, not encrypted'])
    }
  })

  it('a key that is not the one of one’s own certificate is refused', async () => {
    const { option, fix } = await detailOf(pemOf(leaf), keyPemOf(ca))
    expect([option, fix]).toEqual(['key', 'it belongs to another certificate: renew both'])
  })

  it('takes keys as OpenSSL writes them, too', async () => {
    const sec1 = leaf.key.privateKey.export({ format: 'pem', type: 'sec1' }) as string
    expect((await read(pemOf(leaf), sec1)).keyPem.reveal()).toBe(sec1)
  })
})

describe('the holder of a certificate', () => {
  const notices: [string, unknown][] = []
  const holders: CertificateHolder[] = []
  const clock = createFakeClock(NOW_MS)
  let folder: string
  let paths: { certificate: string; key: string }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'))
    paths = { certificate: join(folder, 'orders.pem'), key: join(folder, 'orders.key') }
    notices.length = 0
  })
  afterEach(async () => {
    for (const holder of holders.splice(0)) holder.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function hold(source: CertificateSource) {
    const report = (type: string, detail?: unknown) => void notices.push([type, detail])
    const holder = await createCertificateHolder({ id: ID, source, clock, report })
    holders.push(holder)
    return holder
  }
  async function put(path: string, text: string) {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
  async function putBoth(made: Made) {
    await put(paths.certificate, pemOf(made))
    await put(paths.key, keyPemOf(made))
  }

  it('follows both files, and keeps the last pair that fits where one was renewed before the other', async () => {
    const [first, second] = [makeLeaf({ by: ca }), makeLeaf({ by: ca })]
    await putBoth(first)
    const holder = await hold(certificateFiles(paths))
    const heard = vi.fn()
    const watch = holder.onChange(heard)
    expect(holder.current()).toMatchObject({ leaf: first.der, generation: 1 })

    await put(paths.certificate, pemOf(second))
    await vi.waitFor(() => expect(notices).toHaveLength(1), 5_000)
    expect(notices[0]?.[0]).toBe('credentials.rejected')
    expect(notices[0]?.[1]).toMatchObject({ option: 'key', step: 'certificate' })
    expect([holder.current().leaf, holder.health()]).toEqual([first.der, ['credentials-invalid']])
    expect(heard).not.toHaveBeenCalled()

    await put(paths.key, keyPemOf(second))
    await vi.waitFor(() => expect(holder.current().leaf).toEqual(second.der), 5_000)
    expect([holder.current().generation, holder.health(), heard.mock.calls.length]).toEqual([2, [], 1])
    expect(notices.at(-1)?.[0]).toBe('credentials.changed')
    expect(JSON.stringify(notices)).not.toContain('PRIVATE')

    await putBoth(second)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect([holder.current().generation, heard.mock.calls.length]).toEqual([2, 1])

    watch.close()
    await putBoth(first)
    await vi.waitFor(() => expect(holder.current().leaf).toEqual(first.der), 5_000)
    expect(heard).toHaveBeenCalledTimes(1)
  })

  it('names the file that cannot be read', async () => {
    await put(paths.certificate, pemOf(leaf))
    const error = await refusalOf(() => hold(certificateFiles(paths)))
    expect([error.code, error.detail.option]).toEqual(['credentials-invalid', paths.key])
  })

  it('a certificate of one’s own is not shown once it has expired', async () => {
    const holder = await hold(certificatePem(pairOf(leaf)))
    expect(holder.health()).toEqual([])
    clock.advance(HOUR_MS / 1000 + 1)
    try {
      expect(refusal(() => holder.current()).code).toBe('credentials-unavailable')
      expect(holder.health()).toEqual(['credentials-unavailable'])
    } finally {
      clock.advance(-HOUR_MS / 1000 - 1)
    }
  })

  it('a workload whose certificate cannot be loaded does not start', async () => {
    const cause = new Error('a secret of theirs')
    const load = () => Promise.reject(cause)
    const close = vi.fn()
    const error = await refusalOf(() => hold({ load, watch: () => ({ close }) }))
    expect([error.code, error.message.includes('secret'), error.cause]).toEqual(['credentials-invalid', false, cause])
    expect(close).toHaveBeenCalledTimes(1)
  })

  it('passes on nothing that a source of one’s own throws later, and takes a change that came while it loaded', async () => {
    const second = makeLeaf({ by: ca })
    const found = [() => pairOf(leaf), () => Promise.reject(new Error('a secret of theirs')), () => pairOf(second)]
    let changed = () => {}
    const source = {
      load: async () => {
        const next = found.shift()
        if (found.length > 0) changed()
        return next?.() ?? pairOf(second)
      },
      watch: (listener: () => void) => {
        changed = listener
        return { close: () => (changed = () => {}) }
      },
    }
    const holder = await hold(source)
    await vi.waitFor(() => expect(holder.current().leaf).toEqual(second.der))
    expect(notices.map(([type]) => type)).toEqual(['credentials.rejected', 'credentials.changed'])
    expect(JSON.stringify(notices)).not.toContain('secret')
    holder.close()
  })
})
