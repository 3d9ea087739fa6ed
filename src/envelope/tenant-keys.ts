import { platform } from '#platform'
import { fromBase64url, toBase64url } from '../core/base64url.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { checkGiven } from '../core/given.ts'
import { randomBytes } from '../core/random.ts'
import { createKeyring, emptyKeyring, type Keyring } from './keyring.ts'
import { optionInvalid } from './misuse.ts'
import { follow } from './recipients.ts'
import { openText, sealText } from './text.ts'

/** What is kept in place of a key that was destroyed: so that nobody makes another one by mistake. */
const DESTROYED = 'destroyed'

/** Where the sealed keys of tenants are kept, one text for each: a table, a folder. */
export interface TenantKeyStore {
  get(tenant: string): Promise<string | undefined>
  /** Keeps a text for a tenant that has none; false where it has one already. Of two who come at once, one gets true. */
  add(tenant: string, text: string): Promise<boolean>
  /** Keeps this text instead of what is there. */
  replace(tenant: string, text: string): Promise<void>
}

/** By which key, where, and who is told. */
export interface TenantKeysOptions {
  /** Seals the keys of all tenants. */
  readonly root: Keyring
  readonly store: TenantKeyStore
  /** Writes down what was created and destroyed: an audit trail. */
  readonly audit: { record(type: string, detail: Readonly<Record<string, string>>): void }
  /** How long a key is used before the store is asked again, and so how long another process may still use one that was
   * destroyed here. 60 by default. */
  readonly lifetimeSeconds?: number
}

/** A key for each tenant. */
export interface TenantKeys {
  /** Makes the key of a new tenant. */
  create(tenant: string): Promise<void>
  /** The keyring of a tenant: what was destroyed or never created opens nothing, and cannot be sealed to. */
  keyring(tenant: string): Keyring
  /** Destroys the key of a tenant. */
  destroy(tenant: string): Promise<void>
}

interface Kept {
  readonly ring: Promise<Keyring>
  readonly untilMs: number
}

const MAX_KEPT = 10_000

class TenantKeyrings implements TenantKeys {
  readonly #options: TenantKeysOptions
  readonly #lifetimeMs: number
  readonly #kept = new Map<string, Kept>()

  constructor(options: TenantKeysOptions) {
    const { lifetimeSeconds = 60 } = options
    // Condition: a lifetime of tenant keys that is not a number from 0 is refused.
    if (typeof lifetimeSeconds !== 'number' || !(lifetimeSeconds >= 0)) {
      throw optionInvalid('lifetimeSeconds', 'give seconds, from 0')
    }
    this.#options = options
    this.#lifetimeMs = lifetimeSeconds * 1000
  }

  async create(tenant: string): Promise<void> {
    checkTenant(tenant)
    const { root, audit, store } = this.#options
    const key = JSON.stringify({ kid: toBase64url(randomBytes(12)), k: toBase64url(randomBytes(32)) })
    const sealed = await sealText(key, { to: root, context: contextOf(tenant) })
    // Condition: a tenant that has a key, or had one, gets no other.
    if (!(await asked(() => store.add(tenant, sealed)))) {
      throw optionInvalid('tenant', 'it has a key already, or had one that was destroyed')
    }
    this.#kept.delete(tenant)
    audit.record('tenant-key.created', { tenant })
  }

  keyring(tenant: string): Keyring {
    checkTenant(tenant)
    return follow(Object.freeze({ kid: '', kids: Object.freeze([]) }), () => this.#current(tenant))
  }

  async destroy(tenant: string): Promise<void> {
    checkTenant(tenant)
    const { audit, store } = this.#options
    await asked(() => store.replace(tenant, DESTROYED))
    this.#kept.delete(tenant)
    audit.record('tenant-key.destroyed', { tenant })
  }

  #current(tenant: string): Promise<Keyring> {
    const now = platform.monotonicMs()
    const kept = this.#kept.get(tenant)
    if (kept !== undefined && now < kept.untilMs) return kept.ring
    const ring = this.#load(tenant)
    this.#kept.delete(tenant)
    this.#kept.set(tenant, { ring, untilMs: now + this.#lifetimeMs })
    // A store that was down is asked again at once.
    ring.catch(() => this.#forget(tenant, ring))
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) break
      this.#kept.delete(oldest)
    }
    return ring
  }

  #forget(tenant: string, ring: Promise<Keyring>): void {
    if (this.#kept.get(tenant)?.ring === ring) this.#kept.delete(tenant)
  }

  async #load(tenant: string): Promise<Keyring> {
    const { root, store } = this.#options
    const sealed = await asked(() => store.get(tenant))
    // Condition: a tenant whose key was destroyed, or never created, can neither be sealed to nor opened for.
    if (sealed === undefined || sealed === DESTROYED) return emptyKeyring('the tenant has no key, or it was destroyed')
    const { kid, k } = JSON.parse(await openText(sealed, { with: root, context: contextOf(tenant) }))
    const key = fromBase64url(k)
    return createKeyring({ primary: kid, keys: { [kid]: key ?? new Uint8Array(0) } })
  }
}

function checkTenant(tenant: string): void {
  // Condition: a tenant without a name is refused.
  if (typeof tenant !== 'string' || tenant === '') throw optionInvalid('tenant', 'give the name of a tenant')
}

const contextOf = (tenant: string) => ({ purpose: 'countersign/tenant-key', tenant })

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (isCountersignError(cause)) throw cause
    // Condition: a store of tenant keys that fails is said to be down.
    throw new CountersignError('key-service-unavailable', { cause, detail: { step: 'tenant-keys' } })
  }
}

/**
 * Makes a key for each tenant, sealed under one root and kept in a store of yours. What was sealed for a tenant opens by its
 * own key alone; `destroy` puts an end to it: from then on nothing of that tenant opens, from no copy of the data, here
 * at once and in other processes within `lifetimeSeconds`. Each creation and destruction is written to the audit trail.
 *
 * It ends with the store: whoever has an older copy of the store, and the root key, has the keys back. Destroy such
 * copies too, backups of the store among them, or keep the store apart from the data and without backups that live long.
 *
 * @throws {CountersignError} `option-invalid`; `key-service-unavailable` where the store fails; `unopened` where the
 *   store holds what the root does not open; sealing for a tenant without a key is `key-invalid`, opening `unopened`
 * @example
 * const tenants = tenantKeys({ root: keyringFile('/run/secrets/root.json'), store, audit: trail })
 * await tenants.create('acme')
 * const iban = await sealText(text, { to: tenants.keyring('acme'), context: { tenant: 'acme', id: '42', column: 'iban' } })
 * await tenants.destroy('acme')
 * @see NIST SP 800-88 Rev. 1 §2.6 (cryptographic erase)
 */
export function tenantKeys(options: TenantKeysOptions): TenantKeys {
  checkGiven(options, 'options')
  return new TenantKeyrings(options)
}
