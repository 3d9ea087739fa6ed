import { describe, expect, it } from 'vitest'
import { systemSchedule, within } from '../../src/core/schedule.ts'
import { manualSchedule } from '../audit/manual-schedule.ts'

describe('systemSchedule', () => {
  it('runs a task, and none that was cancelled', async () => {
    const ran: string[] = []
    const cancelled = systemSchedule(() => ran.push('cancelled'), 0)
    cancelled.unref()
    cancelled.cancel()
    await new Promise<void>((resolve) => systemSchedule(resolve, 1))
    expect(ran).toEqual([])
  })
})

describe('within', () => {
  it('waits for the promise, and leaves no timer', async () => {
    const timers = manualSchedule()
    await within(Promise.resolve(), 5, timers.schedule)
    await within(Promise.reject(new Error('late')), 5, timers.schedule)
    expect(timers.delays()).toEqual([])
  })

  it('waits no longer than it was told', async () => {
    const timers = manualSchedule()
    const waiting = within(new Promise(() => {}), 5, timers.schedule)
    expect(timers.delays()).toEqual([5])
    await timers.run()
    await waiting
  })
})
