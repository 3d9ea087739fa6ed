import { expect, it, vi } from 'vitest'
import { CountersignError } from '../../../src/core/errors.ts'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import { checkGuardOptions, guardSettings } from '../../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { allowAuthenticated } from '../../../src/policy/allow-authenticated.ts'
import { createTap, forgeSigned, keyidOf, nameOf } from '../../refusals/session-wire.ts'
import { createWire, fieldAt } from '../../refusals/wire.ts'

it('a proof that was used before is refused', async () => {
  const wire = await createWire()
  const message = await wire.capture()
  expect(await wire.deliver(message)).toMatchObject({ ran: true })
  expect(await wire.deliver(message)).toMatchObject({ ran: false, code: 'proof-replayed', events: 1 })
})

it('a store of seen proofs that is down or full refuses the call', async () => {
  const wire = await createWire()
  for (const [failure, code] of [
    [new Error('connection refused'), 'replay-unavailable'],
    [new CountersignError('replay-full'), 'replay-full'],
  ] as const) {
    const claim = () => {
      throw failure
    }
    const engine = { ...engineOf(wire.ledger), replay: { claim } }
    const guard = guardSettings(engine, checkGuardOptions({ policy: allowAuthenticated() }))
    const { method, target, raw } = await wire.capture()
    const request = { method, target, fields: new Fields(raw) }
    const admission = await admit(guard, {
      request,
      mountPath: '',
      announcesBody: false,
      readBody: () => new Uint8Array(0),
    })
    expect(admission).toMatchObject({ kind: 'answered', error: { code }, response: { status: 503 } })
  }
})

it('claims under callee, caller and nonce, and takes nothing but "fresh" for fresh', async () => {
  const wire = await createWire()
  for (const [said, kind] of [
    ['fresh', 'admitted'],
    ['seen', 'answered'],
    [undefined, 'answered'],
    ['OK', 'answered'],
  ] as const) {
    const names: string[] = []
    const claim = (name: string) => {
      names.push(name)
      // What a store in JavaScript may answer.
      return said as 'fresh'
    }
    const engine = { ...engineOf(wire.ledger), replay: { claim } }
    const guard = guardSettings(engine, checkGuardOptions({ policy: allowAuthenticated() }))
    const message = await wire.capture()
    const { method, target, raw } = message
    const request = { method, target, fields: new Fields(raw) }
    const arrival = { request, mountPath: '', announcesBody: false, readBody: () => new Uint8Array(0) }
    expect((await admit(guard, arrival)).kind).toBe(kind)
    const nonce = /nonce="([^"]+)"/.exec(fieldAt(message, 'signature-input'))?.[1]
    expect(names).toEqual([`${wire.ledger.id} ${wire.orders.id} ${nonce}`])
  }
})

it('a call that was made under a session is refused when it comes again, by whatever proof', async () => {
  for (const isEnded of [false, true]) {
    const tap = await createTap()
    const message = await tap.capture()
    const repeat = () => forgeSigned(tap, tap.orders, { nonce: nameOf(message) })
    expect(await tap.codeOf(message)).toBe('ran')
    expect(await tap.codeOf(message)).toBe('proof-replayed')
    if (isEnded) tap.ledger.endSessions(() => true)
    expect(await tap.codeOf(await repeat())).toBe('proof-replayed')
    const other = await tap.capture()
    const first = await forgeSigned(tap, tap.orders, { nonce: nameOf(other) })
    expect(await tap.codeOf(first)).toBe('ran')
    expect(await tap.codeOf(other)).toBe(isEnded ? 'session-unknown' : 'proof-replayed')
  }
})

it('a session that has ended while its call was judged is not known any more', async () => {
  const tap = await createTap()
  const message = await tap.capture()
  const inner = engineOf(tap.ledger)
  const credentials = {
    ...inner.credentials,
    sealKeys: () => inner.credentials.sealKeys(),
    async current() {
      const own = await inner.credentials.current()
      tap.ledger.endSessions(() => true)
      return own
    },
  }
  tap.guard = { ...tap.guard, engine: { ...inner, credentials } }
  expect(await tap.codeOf(message)).toBe('session-unknown')
  expect(keyidOf(message)).toBeDefined()
  expect(tap.ran).toEqual([])
  tap.guard = { ...tap.guard, engine: inner }
  expect(await tap.codeOf(await forgeSigned(tap, tap.orders, { nonce: nameOf(message) }))).toBe('ran')
})

it('claims calls under a session in the replay store, too, where others share it', async () => {
  for (const shared of [true, undefined, false] as const) {
    const names: string[] = []
    const claim = (name: string) => {
      names.push(name)
      return 'fresh' as const
    }
    const tap = await createTap({ ledger: { replay: { claim, ...(shared === undefined ? {} : { shared }) } } })
    const message = await tap.capture()
    names.length = 0
    expect(await tap.codeOf(message)).toBe('ran')
    expect(names).toEqual(shared === false ? [] : [`${tap.ledger.id} ${tap.orders.id} ${nameOf(message)}`])
  }
})

it('a call whose window may have been dropped with its claim counts as made', async () => {
  const start = performance.now()
  const monotonic = vi.spyOn(performance, 'now').mockReturnValue(start)
  const tap = await createTap()
  const message = await tap.capture()
  const repeat = await forgeSigned(tap, tap.orders, { nonce: nameOf(message) })
  expect(await tap.codeOf(message)).toBe('ran')
  tap.ledger.endSessions(() => true)
  const table = engineOf(tap.ledger).sessions?.table
  expect(table?.ended).toBe(1)
  tap.domain.clock.advance(121)
  monotonic.mockReturnValue(start + 121_000)
  tap.line().session = undefined
  await tap.session()
  expect(table?.ended).toBe(0)
  // The wall clock is set back, and the repeat, held back so far, is good again.
  tap.domain.clock.advance(-111)
  expect(await tap.codeOf(repeat)).toBe('proof-replayed')
  expect(tap.ran).toHaveLength(1)
  monotonic.mockRestore()
})
