import { expect, it } from 'vitest'
import { CountersignError } from '../../../src/core/errors.ts'
import { CertificateJudge } from '../../../src/peer/certificate/certificate-judge.ts'
import { createFakeClock } from '../../../src/testing/fake-clock.ts'
import { parseBundle } from '../../../src/trust/bundle.ts'
import { compileTrust, type Trust } from '../../../src/trust/trust.ts'
import { refusalOf } from '../../core/refusal.ts'
import { bundleEntry, makeCa, makeLeaf, NOW_MS } from '../../support/certificate.ts'

const root = makeCa({ name: 'root', uris: ['spiffe://acme.test'] })
const bundle = parseBundle({ trust_domains: { 'acme.test': { keys: [bundleEntry(root)] } } })

it('a certificate that did not hold is not looked at again on its connection for ten seconds', async () => {
  const clock = createFakeClock(NOW_MS)
  let looks = 0
  const counted = async (generation: number): Promise<Trust> => {
    const trust = await compileTrust(bundle, generation)
    const caCertificatesFor: Trust['caCertificatesFor'] = (id) => {
      looks++
      return trust.caCertificatesFor(id)
    }
    return { ...trust, caCertificatesFor }
  }
  let trust = await counted(1)
  const renewTrust = async () => undefined
  const judge = new CertificateJudge({ clock, toleranceSeconds: 30, trust: () => trust, renewTrust })
  const stranger = makeCa({ name: 'root', uris: ['spiffe://acme.test'] })
  const shown = { leaf: makeLeaf({ by: stranger }).der, others: [stranger.der] }
  const ask = async (one = shown) => (await refusalOf(async () => judge.ofConnection(one))).detail.step
  for (let count = 0; count < 3; count++) expect(await ask()).toBe('signature')
  expect(looks).toBe(1)
  // Another connection, another version of trust, another time.
  await ask({ ...shown })
  trust = await counted(2)
  await ask()
  clock.advance(10)
  await ask()
  expect(looks).toBe(4)
})

it('a certificate that held is not believed by trust that has grown too old', async () => {
  const clock = createFakeClock(NOW_MS)
  const held = await compileTrust(bundle, 1)
  let isOld = false
  const assertFresh = () => {
    if (isOld) throw new CountersignError('trust-unavailable')
  }
  const judge = new CertificateJudge({
    clock,
    toleranceSeconds: 30,
    trust: () => ({ ...held, assertFresh }),
    renewTrust: async () => undefined,
  })
  const shown = { leaf: makeLeaf({ by: root }).der, others: [] }
  const asks = [async () => judge.ofConnection(shown), async () => judge.ofFields('a', () => shown)]
  for (const ask of asks) expect((await ask()).trustDomain).toBe('acme.test')
  isOld = true
  for (const ask of asks) expect((await refusalOf(ask)).code).toBe('trust-unavailable')
})
