import { expect, it } from 'vitest'
import { CertificateJudge } from '../../../src/peer/certificate/certificate-judge.ts'
import { createFakeClock } from '../../../src/testing/fake-clock.ts'
import { parseBundle } from '../../../src/trust/bundle.ts'
import { compileTrust, type Trust } from '../../../src/trust/trust.ts'
import { refusalOf } from '../../core/refusal.ts'
import { bundleEntry, type Made, makeCa, makeLeaf, NOW_MS } from '../../support/certificate.ts'

const [root, next] = [makeCa({ name: 'root' }), makeCa({ name: 'next' })]
const shownOf = (made: Made) => ({ leaf: made.der, others: [] })

const trustOf = (anchors: readonly Made[], generation: number) =>
  compileTrust(
    parseBundle({ trust_domains: { 'acme.test': { keys: anchors.map((one) => bundleEntry(one)) } } }),
    generation,
  )

async function judge(newest: readonly Made[] | undefined) {
  let current: Trust = await trustOf([root], 1)
  const asked: string[] = []
  const made = new CertificateJudge({
    clock: createFakeClock(NOW_MS),
    toleranceSeconds: 30,
    trust: () => current,
    async renewTrust(origin) {
      asked.push(origin)
      if (newest === undefined) return undefined
      current = await trustOf(newest, 2)
      return current
    },
  })
  return { made, asked }
}

it('looks once for a CA that was published a moment ago', async () => {
  const { made, asked } = await judge([root, next])
  const shown = shownOf(makeLeaf({ by: next }))
  expect((await made.ofConnection(shown)).id.id).toBe('spiffe://acme.test/orders')
  expect((await made.ofConnection(shown)).id.id).toBe('spiffe://acme.test/orders')
  expect(asked).toEqual(['spiffe://acme.test'])
})

it('refuses a certificate whose CA nobody has published', async () => {
  for (const newest of [undefined, [root]]) {
    const { made, asked } = await judge(newest)
    const refused = await refusalOf(() => made.ofConnection(shownOf(makeLeaf({ by: next }))))
    expect([refused.code, refused.detail.step, asked.length]).toEqual(['certificate-invalid', 'no-anchor', 1])
  }
})

it('looks for no other trust where the certificate itself is at fault', async () => {
  const { made, asked } = await judge([root, next])
  const expired = makeLeaf({ by: root, notAfter: NOW_MS - 60_000 })
  expect((await refusalOf(() => made.ofConnection(shownOf(expired)))).detail.step).toBe('expired')
  expect(asked).toEqual([])
})
