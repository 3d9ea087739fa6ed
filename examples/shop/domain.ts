import {
  createWorkload,
  generateKey,
  type Jwk,
  publicJwk,
  selfIssued,
  type TrustBundle,
  trustBundle,
  type Workload,
  type WorkloadEntry,
} from 'countersign'
import { type MemorySink, memorySink } from 'countersign/audit'

/** A service's secrets, and where the others reach it. */
export interface Service {
  readonly name: string
  readonly id: string
  readonly keys: readonly Jwk[]
}

export const DOMAIN = 'shop.internal'

/** Makes the keys of a service: one that vouches for it, one that bodies are sealed to. */
export async function newService(name: string): Promise<Service> {
  const keys = [await generateKey({ alg: 'ES256' }), await generateKey({ alg: 'P-256' })]
  return { name, id: `spiffe://${DOMAIN}/${name}`, keys }
}

/** What every service knows: who vouches for whom, who answers where, and who wants sealed bodies only. */
export function trustOf(services: readonly Service[], origins: Readonly<Record<string, string>>): TrustBundle {
  const workloads: Record<string, WorkloadEntry> = {}
  for (const { name, id, keys } of services) {
    const [anchor, sealing] = keys
    if (anchor === undefined || sealing === undefined) throw new Error(`${name} has no keys`)
    const origin = origins[name]
    workloads[id] = {
      keys: [publicJwk(anchor)],
      ...(origin === undefined ? {} : { origins: [origin] }),
      ...(name === 'payments' ? { seal: [publicJwk(sealing)] } : {}),
    }
  }
  return { trust_domains: {}, workloads }
}

/** Starts a service's workload; what happens to it is collected in its own sink. */
export async function start(service: Service, bundle: TrustBundle): Promise<{ workload: Workload; sink: MemorySink }> {
  const sink = memorySink()
  const workload = await createWorkload({
    id: service.id,
    credentials: selfIssued({ keys: service.keys }),
    trust: trustBundle(bundle),
    audit: sink,
  })
  return { workload, sink }
}
