import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { mintWit } from '../../src/token/mint-wit.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import { createTrustHolder } from '../../src/trust/holder.ts'
import { trustUrl } from '../../src/trust/trust-url.ts'
import { type KeyServer, keyServer } from '../trust/key-server.ts'

const REFRESH_MS = 1_000
/** Each of two seconds: a minute is thirty. */
const ROTATIONS = Number(process.env.COUNTERSIGN_ROTATIONS ?? 4)
/** A refresh takes its time: the fetch and, on a busy machine, the turn it waits for. */
const SLACK_MS = 500

let server: KeyServer
beforeAll(async () => {
  server = await keyServer()
})
afterAll(() => server.close())

const pause = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs))

async function tokenBy(key: Jwk): Promise<string> {
  const proofKey = await generateKey({ alg: 'ES256' })
  const { token } = await mintWit({
    id: 'spiffe://acme.test/orders',
    key,
    proofKey,
    lifetimeSeconds: 600,
    clock: systemClock,
  })
  return token
}

it(
  'keys that change every two seconds fail no token, and one that was withdrawn is gone after one refresh',
  async () => {
    let current = await generateKey({ alg: 'ES256' })
    let next = await generateKey({ alg: 'ES256' })
    const publish = (...more: Jwk[]) => server.serve({ keys: [...more, current, next].map(publicJwk) })
    publish()
    const source = trustUrl(server.url, { trustDomain: 'acme.test', refreshSeconds: REFRESH_MS / 1000 })
    const holder = await createTrustHolder(source, { clock: systemClock, report: () => undefined })
    const tokens = createTokenVerifier({
      clock: systemClock,
      toleranceSeconds: 30,
      renew: (origin) => holder.renew(origin),
    })
    const verify = async (token: string) => tokens.verify(token, holder.current())
    let [held, isOver] = [0, false]
    let withdrawn: { token: string; at: number } | undefined
    const late: number[] = []

    const load = async () => {
      while (!isOver) {
        await verify(await tokenBy(current))
        held++
        const { token, at } = withdrawn ?? { token: '', at: 0 }
        if ((await verify(token).catch(() => undefined)) !== undefined) late.push(performance.now() - at)
        await pause(2)
      }
    }
    const running = Array.from({ length: 4 }, load)
    for (let i = 0; i < ROTATIONS; i++) {
      await pause(1.5 * REFRESH_MS)
      const last = current
      current = next
      next = await generateKey({ alg: 'ES256' })
      publish(last)
      // What was signed by it a moment ago is still on its way.
      await pause(0.5 * REFRESH_MS)
      const token = await tokenBy(last)
      publish()
      withdrawn = { token, at: performance.now() }
    }
    await pause(2 * REFRESH_MS)
    isOver = true
    await Promise.all(running)
    holder.close()
    expect(held).toBeGreaterThan(200)
    expect(late.length).toBeGreaterThan(0)
    expect(Math.max(...late)).toBeLessThan(REFRESH_MS + SLACK_MS)
  },
  20_000 + ROTATIONS * 2_000,
)
