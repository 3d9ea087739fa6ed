// The trust domain of the bench, as files: what `countersign init` writes, and a policy of 20 rules.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKey, publicJwk } from 'countersign'

export const ORDERS = 'spiffe://bench.internal/orders'
export const LEDGER = 'spiffe://bench.internal/ledger'

/** Who may write entries stands in the middle of 20 rules of an ordinary service. */
function policy(writers) {
  const rule = (i) => ({
    id: `rule-${i}`,
    effect: i % 5 === 0 ? 'deny' : 'allow',
    from: [`spiffe://bench.internal/service-${i}`, 'spiffe://partner.internal/**'],
    to: [`GET /entries/:id/part-${i}`, `POST /accounts-${i}/:id`, `* /reports-${i}/*`],
    ...(i % 4 === 1 ? { when: { authenticatedBy: ['session', 'signature'] } } : {}),
  })
  const rules = Array.from({ length: 19 }, (_, i) => rule(i))
  rules.splice(10, 0, { id: 'orders-may-write', effect: 'allow', from: writers, to: ['POST /entries'] })
  return { version: 1, rules }
}

/**
 * Writes credentials, trust and policy into a folder.
 *
 * @param issuer of access tokens, whose subject `orders` is allowed what the workload is
 * @param authority a CA that vouches for orders, whose own key is then pinned nowhere
 */
export async function writeDomain(folder, { issuer, authority } = {}) {
  const workloads = {}
  const write = (name, content) => writeFile(join(folder, name), JSON.stringify(content), { mode: 0o600 })
  for (const [name, id] of [
    ['orders', ORDERS],
    ['ledger', LEDGER],
  ]) {
    const anchor = await generateKey({ alg: 'ES256' })
    await write(`${name}.json`, { keys: [anchor, await generateKey({ alg: 'P-256' })] })
    if (authority === undefined || id !== ORDERS) workloads[id] = { keys: [publicJwk(anchor)] }
  }
  const domains = authority === undefined ? {} : { 'bench.internal': { keys: [authority] } }
  await write('trust.json', { trust_domains: domains, workloads })
  await write('policy.json', policy(issuer === undefined ? [ORDERS] : [ORDERS, `${issuer}/orders`]))
}
