import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { parseWorkloadId } from '../../src/identity/workload-id.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import type { TrustBundle } from '../../src/trust/bundle.ts'
import { createTrustHolder, type TrustHolder } from '../../src/trust/holder.ts'
import { mergeTrust } from '../../src/trust/source.ts'
import { trustUrl } from '../../src/trust/trust-url.ts'
import { answering, type KeyServer, keyServer, until } from './key-server.ts'

const make = async (kid: string) => publicJwk(await generateKey({ alg: 'ES256', kid }))
const [ours, other, partner, fresh] = [
  await make('ours'),
  await make('other'),
  await make('partner'),
  await make('fresh'),
]
const bundleOf = (name: string, ...keys: Jwk[]): TrustBundle => ({ trust_domains: { [name]: { keys } } })
const at = (name: string) => parseWorkloadId(`spiffe://${name}/a`)

let server: KeyServer
const open: { close(): void }[] = []
beforeEach(async () => {
  server = await keyServer()
  server.serve({ keys: [partner] })
})
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await server.close()
})

/** Trust from a value that changes, as a file does, and from a URL. */
async function held(first: TrustBundle) {
  let bundle: () => TrustBundle = () => first
  const told: (string | undefined)[] = []
  const clock = createFakeClock()
  const url = trustUrl(server.url, { trustDomain: 'partner.test', refreshSeconds: 60, maxStaleSeconds: 600 })
  const holder: TrustHolder = await createTrustHolder(mergeTrust({ load: () => bundle() }, url), {
    clock,
    report: (type, detail) => void told.push(`${type} ${detail?.option ?? ''}`.trim()),
  })
  open.push(holder)
  const keyIds = (name: string) =>
    holder
      .current()
      .anchorsFor(at(name))
      ?.map(({ keyId }) => keyId)
  const write = (next: () => TrustBundle) => {
    bundle = next
    return holder.reload()
  }
  /** Lets the document be fetched anew, and waits for what comes of it. */
  const refetch = async (document: unknown, done: () => boolean) => {
    server.serve(document)
    clock.advance(61)
    holder.current().assertFresh(at('partner.test'))
    await until(done)
  }
  return { holder, clock, told, keyIds, write, refetch }
}

describe('sources that are joined and followed', () => {
  it('what one revokes counts while the server of another has been silent for too long', async () => {
    const { holder, clock, write } = await held(bundleOf('acme.test', ours))
    server.behave(answering(503))
    clock.advance(601)
    expect(holder.health()).toEqual(['trust-unavailable'])
    await write(() => ({ ...bundleOf('acme.test', ours), revoked: { keys: ['ours'] } }))
    expect(holder.current().isRevoked({ keyId: 'ours' })).toBe(true)
  })

  it('a source that breaks leaves the others as they are', async () => {
    const { told, keyIds, write, refetch } = await held(bundleOf('acme.test', ours))
    await write(() => {
      throw new Error('not readable now')
    })
    expect(told).toEqual(['trust.rejected trust'])
    await refetch({ keys: [fresh] }, () => keyIds('partner.test')?.[0] === 'fresh')
    expect(keyIds('acme.test')).toEqual(['ours'])
  })

  it('a source that comes to speak for what is another’s keeps its last version alone', async () => {
    const { holder, told, keyIds, write, refetch } = await held(bundleOf('acme.test', ours))
    await refetch({ keys: [{ ...ours, kid: 'stolen' }] }, () => told.length > 0)
    expect(told).toEqual([expect.stringContaining('trust.rejected')])
    expect([keyIds('acme.test'), keyIds('partner.test')]).toEqual([['ours'], ['partner']])
    await write(() => ({ ...bundleOf('acme.test', ours), revoked: { keys: ['ours'] } }))
    expect(holder.current().isRevoked({ keyId: 'ours' })).toBe(true)
    expect(keyIds('partner.test')).toEqual(['partner'])
  })

  it('what moves from one to the other in one change is taken', async () => {
    let [left, right, broken] = [bundleOf('a.test', ours), bundleOf('b.test', other), bundleOf('c.test', fresh)]
    const told: string[] = []
    const source = mergeTrust({ load: () => left }, { load: () => right }, { load: () => broken })
    const holder = await createTrustHolder(source, { clock: createFakeClock(), report: (type) => void told.push(type) })
    open.push(holder)
    // The third takes what is the second's; the first takes over what the second gives up.
    left = { trust_domains: { ...bundleOf('a.test', ours).trust_domains, ...bundleOf('b.test', other).trust_domains } }
    right = bundleOf('d.test', partner)
    broken = bundleOf('d.test', fresh)
    await holder.reload()
    const known = ['a.test', 'b.test', 'c.test', 'd.test'].map((name) =>
      holder
        .current()
        .anchorsFor(at(name))
        ?.map(({ keyId }) => keyId)
        .join(),
    )
    expect(known).toEqual(['ours', 'other', 'fresh', 'partner'])
    expect(told).toEqual(['trust.rejected', 'trust.changed'])
  })
})
