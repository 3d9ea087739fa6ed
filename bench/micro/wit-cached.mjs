// A workload identity token that held before, verified again: the inner function, as the guard calls it.
import { generateKey, publicJwk } from 'countersign'
import { mintWit } from '../../dist/token/mint-wit.js'
import { createTokenVerifier } from '../../dist/token/verify-wit.js'
import { compileTrust } from '../../dist/trust/trust.js'
import { compare } from './measure.mjs'

const clock = { now: () => Date.now() }
const anchor = await generateKey({ alg: 'ES256' })
const proofKey = await generateKey({ alg: 'ES256' })
const trust = await compileTrust({ trust_domains: { 'bench.internal': { keys: [publicJwk(anchor)] } } }, 1)
const id = 'spiffe://bench.internal/orders'
const { token } = await mintWit({ id, key: anchor, proofKey, lifetimeSeconds: 3600, clock })
const verifier = createTokenVerifier({ clock, toleranceSeconds: 30 })
await verifier.verify(token, trust)
// As a header brings it: other bytes each time, whose hash is not known yet.
const bytes = Buffer.from(token, 'latin1')

function countersign() {
  const verified = verifier.verify(bytes.latin1Slice(), trust)
  if (verified.id.id !== id) throw new Error('not verified at once')
}

compare({ countersign })
