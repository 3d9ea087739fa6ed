import type { CertificateExtensions } from './certificate-extensions.ts'

const IPV4 = /^\d+\.\d+\.\d+\.\d+$/

/** An address as a URL has it: `127.0.0.1`, `[::1]`; undefined where it is none. */
function hostOf(address: string): string | undefined {
  const bytes = address.match(/../g) ?? []
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.')
  if (bytes.length !== 16) return undefined
  return new URL(`http://[${(address.match(/.{4}/g) ?? []).join(':')}]`).hostname
}

/** A star stands for one whole label, and only for the first. */
function coversName(presented: string, host: string): boolean {
  const name = presented.toLowerCase()
  if (!name.startsWith('*.')) return name === host
  const dot = host.indexOf('.')
  return dot > 0 && name.length > 2 && name.slice(1) === host.slice(dot)
}

/**
 * Whether a certificate names the host that was called, `hostname` being that of a URL: DNS names count for a name, IP
 * addresses for an address. Undefined where it has no names of that kind, and so says nothing of it.
 *
 * @see RFC 9525 §6.3, §6.5
 */
export function namesHost(
  { dnsNames, addresses }: Pick<CertificateExtensions, 'dnsNames' | 'addresses'>,
  hostname: string,
): boolean | undefined {
  if (IPV4.test(hostname) || hostname.startsWith('[')) {
    return addresses.length === 0 ? undefined : addresses.some((address) => hostOf(address) === hostname)
  }
  if (dnsNames.length === 0) return undefined
  const host = hostname.toLowerCase().replace(/\.$/, '')
  return dnsNames.some((presented) => coversName(presented, host))
}
