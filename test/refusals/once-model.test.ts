import { expect, it } from 'vitest'
import { explore, type Setting } from './once-model.ts'

/** Still accepted, but too late for a repeat; refused as expired; the window is not needed any more. */
const onward = [
  [0, 0],
  [89, 89],
  [121, 121],
] as const

const settings: Record<string, Setting & { readonly least: number }> = {
  'one process': { processes: 1, shared: false, sessionSeconds: 600, times: onward, least: 1_000 },
  'one process, whose session ends by its time': {
    processes: 1,
    shared: false,
    sessionSeconds: 80,
    times: onward,
    least: 1_000,
  },
  'one process, whose wall clock is set back': {
    processes: 1,
    shared: false,
    sessionSeconds: 600,
    times: [...onward, [10, 131]],
    least: 3_000,
  },
  'two processes that share a store': {
    processes: 2,
    shared: true,
    sessionSeconds: 600,
    times: onward,
    least: 500_000,
  },
  'two processes with memories of their own: once in each': {
    processes: 2,
    shared: false,
    sessionSeconds: 600,
    times: onward,
    least: 500_000,
  },
}

it.each(Object.keys(settings))(
  'no order of events makes a call run twice: %s',
  async (name) => {
    const setting = settings[name]
    if (setting === undefined) throw new Error(name)
    const { states, orders, violation } = await explore(setting)
    process.stdout.write(`     ${name}: ${orders} orders explored, ${states} states\n`)
    expect(violation).toBeUndefined()
    expect(orders).toBeGreaterThan(setting.least)
  },
  120_000,
)

it('the model finds the double run where the window of a session goes with it', async () => {
  const { violation } = await explore({ ...(settings['one process'] as Setting), forgetful: true })
  expect(violation).toMatch(/^ran 2 and 0 times: .*end.*repeat/)
})
