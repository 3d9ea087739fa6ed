import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryReplay } from '../../src/replay/memory-replay.ts'
import { refusal } from '../core/refusal.ts'
import { replayStoreContract } from './contract.ts'

const START = 1_800_000_000_000
const MIB = 1024 * 1024

/** A store whose two clocks are moved by hand: together as time passes, the wall clock alone when somebody sets it. */
function createWorld(maxClaims = 1_000) {
  let wall = START
  let elapsed = 5_000
  const store = memoryReplay({ maxClaims, clock: { now: () => wall }, monotonicMs: () => elapsed })
  return {
    store,
    now: () => wall,
    pass(seconds: number) {
      wall += seconds * 1000
      elapsed += seconds * 1000
    },
    setClock(seconds: number) {
      wall += seconds * 1000
    },
    claim: (name: string, inSeconds = 120) => store.claim(name, wall + inSeconds * 1000),
  }
}

describe('memoryReplay', () => {
  for (const { title, run } of replayStoreContract(() => memoryReplay())) it(`contract: ${title}`, run)

  it('a name that is still claimed is seen, whatever expiry it comes with', () => {
    const { claim } = createWorld()
    expect(claim('l o n', 120)).toBe('fresh')
    for (const inSeconds of [120, 121, 10, 0, -5, 86_400]) expect(claim('l o n', inSeconds)).toBe('seen')
  })

  it('tells two callers of the same nonce apart, and names without an owner too', () => {
    const { claim } = createWorld()
    const names = ['l orders n', 'l shop n', 'm orders n', ' n', 'n', 'n ', '']
    expect(names.map((name) => claim(name))).toEqual(names.map(() => 'fresh'))
    expect(names.map((name) => claim(name))).toEqual(names.map(() => 'seen'))
  })

  it('a claim that expires at no time or more than 24 hours ahead is refused', () => {
    const { store, now } = createWorld()
    const wrong = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, now() + 86_400_001, now() * 1000]
    for (const expiresAt of wrong) {
      expect(refusal(() => store.claim('l o n', expiresAt))).toMatchObject({
        code: 'option-invalid',
        detail: { option: 'expiresAt' },
      })
    }
    expect(store.size).toBe(0)
    expect(store.claim('l o n', now() + 86_400_000)).toBe('fresh')
  })

  it('a proof that expires no later than one already forgotten counts as seen', () => {
    const world = createWorld()
    const until = world.now() + 120_000
    expect(world.store.claim('l o n', until)).toBe('fresh')
    world.pass(121)
    expect(world.store.claim('l o n', until)).toBe('seen')
    world.pass(16)
    // Now it is forgotten: nothing of it is left, and it is seen all the same.
    expect(world.store.claim('l o n', until)).toBe('seen')
    expect(world.store.size).toBe(0)
    expect(world.store.claim('l o other', until)).toBe('seen')
    expect(world.claim('l o other')).toBe('fresh')
  })

  it('lets no replay through when the wall clock is set back, before or after the claim was forgotten', () => {
    const world = createWorld()
    const until = world.now() + 120_000
    world.store.claim('l o n', until)
    world.setClock(-3_600)
    expect(world.store.claim('l o n', until)).toBe('seen')
    world.setClock(3_600)
    world.pass(300)
    expect(world.claim('l o x')).toBe('fresh')
    expect(world.store.size).toBe(1)
    world.setClock(-300)
    expect(world.store.claim('l o n', until)).toBe('seen')
  })

  it('a claim is forgotten only when the wall clock and the monotonic clock have both passed its expiry', () => {
    const world = createWorld()
    const until = world.now() + 120_000
    world.store.claim('l o n', until)
    world.setClock(7_200)
    world.claim('l o x')
    world.setClock(-7_200)
    // The wall clock was past the expiry for a while, but no time had passed.
    expect(world.store.size).toBe(2)
    expect(world.store.claim('l o n', until)).toBe('seen')
    world.setClock(-300)
    world.pass(200)
    world.claim('l o y')
    // Time has passed, but the wall clock, set back, has not reached the expiry.
    expect(world.store.size).toBe(3)
    expect(world.store.claim('l o n', until)).toBe('seen')
  })

  it('keeps a claim that is made after the wall clock was set back for as long as the clock will need', () => {
    const world = createWorld()
    const until = world.now() + 60_000
    world.store.claim('l o first', until)
    world.setClock(-50)
    world.store.claim('l o second', until)
    world.setClock(50)
    world.pass(80)
    world.claim('l o x')
    expect(world.store.size).toBe(3)
    world.pass(50)
    world.claim('l o y')
    expect(world.store.size).toBe(2)
  })

  it('takes new claims after the wall clock jumped ahead, and forgets the old ones when their time has passed', () => {
    const world = createWorld()
    world.claim('l o n')
    world.setClock(3_600)
    expect(world.claim('l o m')).toBe('fresh')
    world.pass(140)
    expect(world.claim('l o k')).toBe('fresh')
    expect(world.store.size).toBe(1)
  })

  it('gives a name again when it was forgotten and is claimed for later', () => {
    const world = createWorld()
    expect(world.claim('l o n')).toBe('fresh')
    world.pass(140)
    expect(world.claim('l o n')).toBe('fresh')
    expect(world.claim('l o n')).toBe('seen')
  })

  it('forgets nothing before its time under a flood, and nothing live is dropped', () => {
    const world = createWorld(10_000)
    expect(world.claim('l honest n')).toBe('fresh')
    let refused = 0
    for (let i = 0; i < 30_000; i++) {
      try {
        world.claim(`l flood ${i}`, 60 + (i % 300))
      } catch {
        refused++
      }
    }
    expect(refused).toBe(20_001)
    expect(world.claim('l honest n')).toBe('seen')
    for (let i = 0; i < 9_999; i++) expect(world.claim(`l flood ${i}`)).toBe('seen')
  })

  it('when the store is full, an owner at or over its share is refused', () => {
    const { store, claim } = createWorld(100)
    for (let i = 0; i < 100; i++) expect(claim(`l flood ${i}`)).toBe('fresh')
    const before = store.bytes
    expect(refusal(() => claim('l flood 100'))).toMatchObject({ code: 'replay-full', status: 503, retryable: true })
    expect(store).toMatchObject({ size: 100, bytes: before })
    expect(claim('l flood 7')).toBe('seen')
    // Room for 100 more: two owners, so a newcomer gets in below a third of what is left.
    let admitted = 0
    expect(
      refusal(() => {
        for (;;) if (claim(`l other ${admitted}`) === 'fresh') admitted++
      }).code,
    ).toBe('replay-full')
    expect(admitted).toBe(34)
    expect(claim('l third 0')).toBe('fresh')
    expect(refusal(() => claim('l flood 100')).code).toBe('replay-full')
  })

  it('never holds more than twice as many claims, however many owners there are', () => {
    const { store, claim } = createWorld(64)
    for (let owner = 0; owner < 300; owner++) {
      let isIn = true
      for (let i = 0; isIn && i < 100; i++) {
        try {
          claim(`l o${owner} ${i}`)
        } catch {
          isIn = false
        }
      }
      expect(store.size).toBeLessThanOrEqual(128)
    }
    expect(store.size).toBe(128)
  })

  it('has room again for an owner whose claims have expired', () => {
    const world = createWorld(10)
    for (let i = 0; i < 10; i++) world.claim(`l o ${i}`)
    expect(refusal(() => world.claim('l o 10')).code).toBe('replay-full')
    world.pass(140)
    expect(world.claim('l o 10')).toBe('fresh')
    expect(world.store.size).toBe(1)
  })

  it('holds a million live claims in 64 MiB', () => {
    const { store, claim } = createWorld(1_000_000)
    for (let i = 0; i < 1_000_000; i++) {
      claim(`spiffe://acme.test/ledger spiffe://acme.test/caller-${i % 100} nonce-of-22-char-${i}`, 60 + (i % 60))
    }
    console.log(`1,000,000 live claims: ${(store.bytes / MIB).toFixed(1)} MiB`)
    expect(store.size).toBe(1_000_000)
    expect(store.bytes).toBeLessThanOrEqual(64 * MIB)
    expect(claim('spiffe://acme.test/ledger spiffe://acme.test/caller-0 nonce-of-22-char-0')).toBe('seen')
  })

  it('holds a million live claims that expire together in 64 MiB', () => {
    const { store, claim } = createWorld(1_000_000)
    for (let i = 0; i < 1_000_000; i++) claim(`l o ${i}`)
    expect(store.size).toBe(1_000_000)
    expect(store.bytes).toBeLessThanOrEqual(64 * MIB)
  })

  it('agrees with a set that never forgets, wherever the clocks go', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('pass' as const), seconds: fc.integer({ min: 0, max: 90 }) }),
      fc.record({ kind: fc.constant('set' as const), seconds: fc.integer({ min: -400, max: 400 }) }),
      fc.record({
        kind: fc.constant('claim' as const),
        name: fc.integer({ min: 0, max: 30 }),
        at: fc.integer({ min: -60, max: 300 }),
      }),
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 120, size: 'max' }), (steps) => {
        const world = createWorld(10_000)
        // A proof's expiry is signed: the same name always comes with the same one.
        const expiries = new Map<number, number>()
        const used = new Set<number>()
        for (const each of steps) {
          if (each.kind === 'pass') world.pass(each.seconds)
          else if (each.kind === 'set') world.setClock(each.seconds)
          else {
            const until = expiries.get(each.name) ?? world.now() + each.at * 1000
            expiries.set(each.name, until)
            if (until > world.now() + 86_400_000) continue
            const outcome = world.store.claim(`l o ${each.name}`, until)
            if (outcome === 'fresh') expect(used.has(each.name)).toBe(false)
            used.add(each.name)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('refuses options that are wrong and names them', () => {
    const wrong = [
      [{ maxClaims: 0 }, 'memoryReplay.maxClaims'],
      [{ maxClaims: 1.5 }, 'memoryReplay.maxClaims'],
      [{ maxClaims: 1e9 }, 'memoryReplay.maxClaims'],
      [{ clock: {} }, 'memoryReplay.clock'],
      [{ monotonicMs: 5 }, 'memoryReplay.monotonicMs'],
      [{ max: 5 }, 'memoryReplay'],
    ] as const
    for (const [options, option] of wrong) {
      expect(refusal(() => memoryReplay(options as never))).toMatchObject({
        code: 'option-invalid',
        detail: { option },
      })
    }
  })
})
