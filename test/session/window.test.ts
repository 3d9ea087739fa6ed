import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WINDOW_WIDTH, Window } from '../../src/session/window.ts'

const times = { now: 1_000, monotonicMs: 50, until: 61_000 }
const claimed = (window: Window, ...counters: number[]) => counters.map((counter) => window.claim(counter, times))

describe('the window of a session', () => {
  it('a counter of a session that was used before is refused, in whatever order calls come in', () => {
    const window = new Window()
    expect(claimed(window, 3, 1, 2, 3, 1, 2)).toEqual(['fresh', 'fresh', 'fresh', 'seen', 'seen', 'seen'])
    // Neighbours in one word, the sign bit of a word, and the seam between two.
    expect(claimed(window, 31, 32, 33, 63, 64)).toEqual(['fresh', 'fresh', 'fresh', 'fresh', 'fresh'])
    expect(claimed(window, 30, 31, 32, 33, 62, 63, 64)).toEqual([
      ...['fresh', 'seen', 'seen', 'seen', 'fresh', 'seen', 'seen'],
    ])
  })

  it('a counter that has fallen out of the window of its session counts as used', () => {
    const window = new Window()
    expect(claimed(window, WINDOW_WIDTH + 1)).toEqual(['fresh'])
    expect(claimed(window, 1, 2, 2)).toEqual(['seen', 'fresh', 'seen'])
    expect(claimed(window, WINDOW_WIDTH + 3, 2, 3, 4, 4)).toEqual(['fresh', 'seen', 'seen', 'fresh', 'seen'])
  })

  it('forgets nothing inside its width when it moves, and nothing of before comes back', () => {
    const window = new Window()
    const last = 3 * WINDOW_WIDTH + 17
    for (let counter = 1; counter <= last; counter += 2) expect(window.claim(counter, times)).toBe('fresh')
    const oldest = last - WINDOW_WIDTH + 1
    for (let counter = oldest; counter <= last; counter++) {
      expect(window.claim(counter, times), String(counter)).toBe(counter % 2 === 1 ? 'seen' : 'fresh')
    }
    expect(claimed(window, oldest - 1, 2, 1)).toEqual(['seen', 'seen', 'seen'])
  })

  it('starts anew after a leap of its whole width or more', () => {
    for (const leap of [WINDOW_WIDTH - 1, WINDOW_WIDTH, WINDOW_WIDTH + 1, 2 * WINDOW_WIDTH, 2 ** 40]) {
      const window = new Window()
      const [from, to] = [40, 40 + leap]
      expect(claimed(window, from, to)).toEqual(['fresh', 'fresh'])
      const inside = Math.max(to - WINDOW_WIDTH + 1, from + 1)
      expect(claimed(window, inside, to - 1, to, from), String(leap)).toEqual([
        ...['fresh', inside === to - 1 ? 'seen' : 'fresh', 'seen', 'seen'],
      ])
    }
  })

  it('counts to the largest whole number there is', () => {
    const window = new Window()
    const most = Number.MAX_SAFE_INTEGER
    expect(claimed(window, most - 1, most, most, most - 1, most - WINDOW_WIDTH)).toEqual([
      ...['fresh', 'fresh', 'seen', 'seen', 'seen'],
    ])
  })

  it('judges like a set of everything that was claimed', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: -9000, max: 9000 }), fc.integer({ min: -40, max: 40 })))
    fc.assert(
      fc.property(steps, (moves) => {
        const window = new Window()
        const made = new Set<number>()
        let [at, highest] = [1, 0]
        for (const move of moves) {
          at = Math.max(1, at + move)
          const isNew = !made.has(at) && at > highest - WINDOW_WIDTH
          expect(window.claim(at, times)).toBe(isNew ? 'fresh' : 'seen')
          made.add(at)
          highest = Math.max(highest, at)
        }
      }),
    )
  })

  it('takes no room before its first claim, and a kilobyte from then on', () => {
    const window = new Window()
    expect(window.bytes).toBe(0)
    for (let counter = 1; counter < 20_000; counter += 7) window.claim(counter, times)
    expect(window.bytes).toBe(1024)
  })

  it('is over once every call it has admitted has expired, by both clocks', () => {
    const window = new Window()
    expect(window.isOver(0, 0)).toBe(true)
    window.claim(2, { now: 1_000, monotonicMs: 50, until: 61_000 })
    // A later claim that ends earlier takes nothing away.
    window.claim(1, { now: 2_000, monotonicMs: 1_050, until: 5_000 })
    const heldUntilMs = 50 + 60_000
    expect(window.isOver(61_000, heldUntilMs + 1)).toBe(false)
    expect(window.isOver(61_001, heldUntilMs)).toBe(false)
    expect(window.isOver(61_001, heldUntilMs + 1)).toBe(true)
    // Set back, the wall clock keeps it; set ahead, the monotonic one does.
    expect(window.isOver(0, heldUntilMs + 1)).toBe(false)
    expect(window.isOver(10 ** 15, 60)).toBe(false)
  })

  it('is not held any longer by a call it has refused', () => {
    const window = new Window()
    window.claim(1, times)
    window.claim(1, { ...times, until: 10 ** 12 })
    expect(window.isOver(61_001, 60_051)).toBe(true)
  })
})
