import { expect, it } from 'vitest'
import { sessionOptionsSchema } from '../../src/session/schema.ts'

/** What is said of options; undefined where they are taken. */
function said(options: unknown): string | undefined {
  const { success, error } = sessionOptionsSchema.safeParse(options)
  return success ? undefined : error.issues.map(({ message, path }) => `${path.join('.')}: ${message}`).join()
}

it('takes sessions of 30 seconds to ten minutes, and every bound by itself', () => {
  for (const options of [
    {},
    { lifetimeSeconds: 30 },
    { lifetimeSeconds: 600 },
    { maxPerInstance: 1 },
    { maxPerInstance: 1000 },
    { maxSessions: 1 },
    { maxSessions: 1_000_000 },
    { handshakesPerMinute: 1 },
    { handshakesPerMinute: 1_000_000 },
  ]) {
    expect(said(options), JSON.stringify(options)).toBeUndefined()
  }
})

it('says what to give instead', () => {
  for (const [options, fix] of [
    [{ lifetimeSeconds: 29 }, 'at least 30 seconds'],
    [{ lifetimeSeconds: 601 }, 'at most 600 seconds'],
    [{ lifetimeSeconds: 60.5 }, 'whole seconds'],
    [{ lifetimeSeconds: '60' }, 'whole seconds'],
    [{ maxPerInstance: 0 }, 'at least 1'],
    [{ maxPerInstance: 1001 }, 'at most 1000'],
    [{ maxPerInstance: 1.5 }, 'whole number of sessions'],
    [{ maxSessions: 0 }, 'at least 1'],
    [{ maxSessions: 1_000_001 }, 'at most 1000000'],
    [{ handshakesPerMinute: 0 }, 'at least 1'],
    [{ handshakesPerMinute: Number.POSITIVE_INFINITY }, 'whole number of handshakes'],
    [{ lifetime: 60 }, 'lifetime'],
  ] as const) {
    expect(said(options), JSON.stringify(options)).toContain(fix)
  }
  for (const options of [true, null, 600]) expect(said(options), String(options)).toBeDefined()
})
