import { type AddressRange, isInRange, readAddress, readRange } from '../core/address.ts'
import { readWorkloadId } from '../identity/workload-id.ts'

/** The hops before this service that are believed in what they say of those behind them. */
export interface Proxies {
  readonly ranges: readonly AddressRange[]
  /** Identifiers of workloads: whoever proves to be one of them by the certificate of the connection. */
  readonly ids: ReadonlySet<string>
}

/** Whether a text names a hop: an address, a range in CIDR notation, or the identifier of a workload. */
export function isProxyName(text: string): boolean {
  return readRange(text) !== undefined || readWorkloadId(text) !== undefined
}

/** Reads the names of hops; those that are none were refused before. */
export function readProxies(names: readonly string[]): Proxies {
  const ranges = names.map(readRange).filter((range) => range !== undefined)
  return Object.freeze({ ranges, ids: new Set(names.filter((name) => readRange(name) === undefined)) })
}

/** Whether an address is one of a hop that is believed. */
export function isProxyAddress({ ranges }: Proxies, address: string | undefined): boolean {
  const bytes = address === undefined ? undefined : readAddress(address)
  return bytes !== undefined && ranges.some((range) => isInRange(bytes, range))
}

/**
 * Finds the address of the caller in `X-Forwarded-For`: from the right, the first that is no hop. Undefined where that
 * cannot be read, for nobody has said then who it is.
 */
export function callerAddress(proxies: Proxies, forwardedFor: string | undefined): string | undefined {
  const entries = (forwardedFor ?? '').split(',').map((entry) => entry.trim())
  const last = entries.findLast((entry) => !isProxyAddress(proxies, entry))
  return last === undefined || readAddress(last) === undefined ? undefined : last
}
