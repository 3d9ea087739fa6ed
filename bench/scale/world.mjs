// A hub and its peers in one process: each peer calls the hub, and the hub calls each peer, by sessions.
import { createWorkload, generateKey, publicJwk, selfIssued, trustBundle } from 'countersign'
import { callOf, guard } from 'countersign/fetch'
import { allowAuthenticated } from 'countersign/policy'
import { ENTRY, HEADERS, PATH } from '../http/entry.mjs'
import { createWire } from './wire.mjs'

const HUB = 'https://hub.bench'
const silent = { write() {} }
const REQUEST = { method: 'POST', headers: HEADERS, body: ENTRY }

/** Makes the world and opens every session, both directions. */
export async function createWorld(peerCount) {
  const anchor = await generateKey({ alg: 'ES256' })
  const trust = trustBundle({ trust_domains: { 'bench.internal': { keys: [publicJwk(anchor)] } } })
  const wire = createWire()
  const directory = new Map()
  const proofs = new Map()

  async function join(name, origin) {
    const id = `spiffe://bench.internal/${name}`
    directory.set(origin, id)
    const workload = await createWorkload({
      id,
      credentials: selfIssued(anchor),
      trust,
      peers: (url) => directory.get(url.origin),
      audit: silent,
      transport: wire.transport,
    })
    const handler = (request) => {
      const { authenticatedBy } = callOf(request).peer
      proofs.set(authenticatedBy, (proofs.get(authenticatedBy) ?? 0) + 1)
      return new Response('{}')
    }
    wire.serve(origin, guard(workload, { policy: allowAuthenticated() }, handler))
    return { workload, origin }
  }

  const hub = await join('hub', HUB)
  const peers = []
  for (let i = 0; i < peerCount; i++) {
    const peer = await join(`peer-${i}`, `https://peer-${i}.bench`)
    peers.push(peer)
    await peer.workload.fetch(HUB + PATH, REQUEST)
    await hub.workload.fetch(peer.origin + PATH, REQUEST)
  }
  const anyPeer = () => peers[Math.floor(Math.random() * peers.length)]
  return {
    wire,
    proofs,
    callHub: () => anyPeer().workload.fetch(HUB + PATH, REQUEST),
    callPeer: () => hub.workload.fetch(anyPeer().origin + PATH, REQUEST),
  }
}
