import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { ErrorDetail } from '../../src/core/errors.ts'
import type { NoticeType } from '../../src/core/notice.ts'
import { parseWorkloadId } from '../../src/identity/workload-id.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import type { TrustBundle } from '../../src/trust/bundle.ts'
import { createTrustHolder, type TrustHolder } from '../../src/trust/holder.ts'
import { trustFile } from '../../src/trust/source.ts'
import type { TrustSource } from '../../src/trust/trust-source.ts'
import { refusalOf } from '../core/refusal.ts'

const make = async (kid: string) => publicJwk(await generateKey({ alg: 'ES256', kid }))
const bundleOf = async (kid: string): Promise<TrustBundle> => ({
  trust_domains: { 'acme.internal': { keys: [await make(kid)] } },
})
const [first, second, third] = [await bundleOf('first'), await bundleOf('second'), await bundleOf('third')]
const invalid = { trust_domains: { Acme: { keys: [] } } } as TrustBundle
const orders = parseWorkloadId('spiffe://acme.internal/orders')

/** Takes notices down; `next` waits for the next one. */
function createNotices() {
  const seen: (readonly [NoticeType, ErrorDetail | undefined])[] = []
  let wake = () => {}
  let read = 0
  return {
    seen,
    types: () => seen.map(([type]) => type),
    report(type: NoticeType, detail?: ErrorDetail) {
      seen.push([type, detail])
      wake()
    },
    async next() {
      if (seen.length === read) await new Promise<void>((resolve) => (wake = resolve))
      return seen[read++]
    },
  }
}

/** A source whose loads are answered by hand, in the order they were asked for. */
function createManual(bundle: TrustBundle) {
  const waiting: ((bundle: TrustBundle | Promise<TrustBundle>) => void)[] = []
  let changed = () => {}
  let open = false
  let byHand = false
  let wake = () => {}
  const source: TrustSource = {
    load() {
      if (!byHand) return bundle
      return new Promise<TrustBundle>((resolve) => {
        waiting.push(resolve)
        wake()
      })
    },
    watch(callback) {
      changed = callback
      open = true
      return {
        close() {
          open = false
        },
      }
    },
  }
  return {
    source,
    waiting,
    change: () => changed(),
    isOpen: () => open,
    takeOver() {
      byHand = true
    },
    async asked(count: number) {
      while (waiting.length < count) await new Promise<void>((resolve) => (wake = resolve))
    },
  }
}

const keyIds = (holder: TrustHolder) =>
  holder
    .current()
    .anchorsFor(orders)
    ?.map(({ keyId }) => keyId)

describe('createTrustHolder', () => {
  it('loads at once', async () => {
    const notices = createNotices()
    const holder = await createTrustHolder({ load: () => first }, { clock: systemClock, report: notices.report })
    expect([keyIds(holder), holder.current().generation, notices.seen]).toEqual([['first'], 1, []])
    holder.close()
  })

  it('throws where the first bundle cannot be used, and leaves no watch', async () => {
    const manual = createManual(invalid)
    expect(
      (await refusalOf(() => createTrustHolder(manual.source, { clock: systemClock, report: () => {} }))).code,
    ).toBe('trust-invalid')
    expect(manual.isOpen()).toBe(false)
    const failing: TrustSource = { load: () => Promise.reject(new Error('MARKER')) }
    const error = await refusalOf(() => createTrustHolder(failing, { clock: systemClock, report: () => {} }))
    expect(error.code).toBe('trust-invalid')
    expect(error.message).not.toContain('MARKER')
  })

  it('puts a new version in place as a whole, and says so', async () => {
    const notices = createNotices()
    let bundle = first
    const holder = await createTrustHolder({ load: () => bundle }, { clock: systemClock, report: notices.report })
    const before = holder.current()
    bundle = second
    await holder.reload()
    expect([keyIds(holder), holder.current().generation]).toEqual([['second'], 2])
    expect(before.anchorsFor(orders)?.[0]?.keyId).toBe('first')
    expect(notices.types()).toEqual(['trust.changed'])
  })

  it('says nothing where nothing has changed', async () => {
    const notices = createNotices()
    const holder = await createTrustHolder(
      { load: () => structuredClone(first) },
      { clock: systemClock, report: notices.report },
    )
    const before = holder.current()
    await holder.reload()
    expect([holder.current() === before, notices.seen]).toEqual([true, []])
  })

  it('an invalid new trust bundle leaves the one before in place', async () => {
    const notices = createNotices()
    let next: () => TrustBundle = () => first
    const holder = await createTrustHolder({ load: () => next() }, { clock: systemClock, report: notices.report })
    const before = holder.current()
    next = () => invalid
    await holder.reload()
    next = () => {
      throw new Error('MARKER')
    }
    await holder.reload()
    expect(holder.current()).toBe(before)
    expect(notices.types()).toEqual(['trust.rejected', 'trust.rejected'])
    expect(notices.seen[0]?.[1]?.option).toBe('trust_domains.Acme')
    expect(JSON.stringify(notices.seen)).not.toContain('MARKER')
    next = () => second
    await holder.reload()
    expect([keyIds(holder), holder.current().generation]).toEqual([['second'], 2])
  })

  it('loads one after the other, and ends with the newest', async () => {
    const notices = createNotices()
    const manual = createManual(first)
    const holder = await createTrustHolder(manual.source, { clock: systemClock, report: notices.report })
    manual.takeOver()
    manual.change()
    await manual.asked(1)
    // Two more changes while the first load is under way: one further load sees both.
    manual.change()
    const last = holder.reload()
    expect(manual.waiting).toHaveLength(1)
    manual.waiting[0]?.(second)
    await manual.asked(2)
    expect(keyIds(holder)).toEqual(['second'])
    manual.waiting[1]?.(third)
    await last
    expect([keyIds(holder), manual.waiting.length, holder.current().generation]).toEqual([['third'], 2, 3])
  })

  it('misses no change during the first load', async () => {
    const notices = createNotices()
    const manual = createManual(first)
    manual.takeOver()
    const creating = createTrustHolder(manual.source, { clock: systemClock, report: notices.report })
    await manual.asked(1)
    manual.change()
    manual.waiting[0]?.(first)
    const holder = await creating
    await manual.asked(2)
    manual.waiting[1]?.(second)
    expect(await notices.next()).toEqual(['trust.changed', undefined])
    expect(keyIds(holder)).toEqual(['second'])
  })

  it('does nothing any more once it is closed, not even with a load under way', async () => {
    const notices = createNotices()
    const manual = createManual(first)
    const holder = await createTrustHolder(manual.source, { clock: systemClock, report: notices.report })
    manual.takeOver()
    const reloading = holder.reload()
    await manual.asked(1)
    holder.close()
    manual.waiting[0]?.(second)
    await reloading
    await holder.reload()
    expect([keyIds(holder), notices.seen, manual.isOpen(), manual.waiting.length]).toEqual([['first'], [], false, 1])
  })
})

describe('a holder of a trust file', () => {
  const folders: string[] = []

  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
  })

  it('follows the file, keeps the old bundle on a bad one and recovers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
    folders.push(folder)
    const path = join(folder, 'trust.json')
    const replace = async (text: string) => {
      await writeFile(`${path}.new`, text)
      await rename(`${path}.new`, path)
    }
    await replace(JSON.stringify(first))
    const notices = createNotices()
    const holder = await createTrustHolder(trustFile(path), { clock: systemClock, report: notices.report })
    await replace('{ "trust_domains": MARKER')
    expect(await notices.next()).toEqual(['trust.rejected', { option: path, fix: 'write valid JSON' }])
    expect(keyIds(holder)).toEqual(['first'])
    await replace(JSON.stringify(second))
    expect((await notices.next())?.[0]).toBe('trust.changed')
    expect([keyIds(holder), holder.current().generation]).toEqual([['second'], 2])
    holder.close()
  })
})
