import { expect, it } from 'vitest'
import type { Surroundings } from '../../../src/peer/authenticator.ts'
import { BearerIssuer } from '../../../src/peer/bearer/bearer-issuer.ts'
import { readBearerRules } from '../../../src/peer/bearer/bearer-rules.ts'
import { gateToken } from '../../../src/token/gate.ts'
import { readIssuerKeys } from '../../../src/token/issuer-keys.ts'
import { API, bearerDomain, ISSUER } from './bearer-domain.ts'

it('a token that was verified by keys which changed meanwhile does not count as one by the new keys', async () => {
  const { domain, keys, mint, close } = await bearerDomain()
  const found = readIssuerKeys({ ...keys, sequence: undefined, refreshHintSeconds: undefined })
  const source = {
    generation: 1,
    keys() {
      // The next version comes as soon as anybody waits.
      queueMicrotask(() => source.generation++)
      return found
    },
    renew: async () => false,
    close: () => undefined,
  }
  const around = { clock: domain.clock, toleranceSeconds: 30 } as unknown as Surroundings
  const issuer = new BearerIssuer(readBearerRules({ issuer: ISSUER, audience: API, keys }), source, around)
  const token = await mint()
  const held = await issuer.verify(token, gateToken(token))
  expect([held.generation, issuer.generation]).toEqual([1, 2])
  await close()
})
