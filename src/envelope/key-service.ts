import { primitives } from '#crypto'
import type { Bytes } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { isBytes, keyInvalid } from './misuse.ts'
import type { OpenedKeys } from './opened-keys.ts'
import { encodeKid, SERVICE, type Unwrapper } from './recipient-type.ts'

const DATA_KEY_BYTES = 32

/** What a key service is asked about. */
export interface KeyRequest {
  /** The id of the key, as it stands in the keyring and in the envelope. */
  readonly kid: string
  /** Aborts when the time is over. */
  readonly signal: AbortSignal
}

/**
 * Keys that never leave where they are: a KMS, an HSM. Each envelope asks once to be sealed, and to be opened as often as
 * the keyring forgets its data key.
 */
export interface KeyService {
  /** Wraps the 32 bytes of a data key: 1 to 4,096 bytes. Rejects where the service cannot be reached. */
  wrap(dataKey: Uint8Array, request: KeyRequest): Promise<Uint8Array>
  /**
   * Gives the data key that was wrapped, or undefined where the service says that this is none of its own. Rejects where
   * the service cannot be reached.
   */
  unwrap(wrapped: Uint8Array, request: KeyRequest): Promise<Uint8Array | undefined>
}

/** Tells a key service from the keys that are at hand. */
export function isKeyService(value: unknown): value is KeyService {
  if (typeof value !== 'object' || value === null) return false
  return 'wrap' in value && typeof value.wrap === 'function' && 'unwrap' in value && typeof value.unwrap === 'function'
}

/** A recipient whose key is with a service (type 02). */
export function serviceRecipient(
  kid: string,
  service: KeyService,
  { opened, timeoutMs }: { readonly opened: OpenedKeys; readonly timeoutMs: number },
): Unwrapper {
  const ask = <T>(work: (request: KeyRequest) => Promise<T>) => within(kid, timeoutMs, work)

  async function wrap(dataKey: Uint8Array): Promise<Bytes> {
    const wrapped = await ask((request) => service.wrap(dataKey.slice(), request))
    // Condition: a key service that wraps a data key to other than 1 to 4,096 bytes is refused.
    if (!isBytes(wrapped) || wrapped.length < SERVICE.minBytes || wrapped.length > SERVICE.maxBytes) {
      throw keyInvalid(`keys.${kid}`, 'have the key service wrap a data key to 1 to 4,096 bytes')
    }
    return Uint8Array.from(wrapped)
  }

  async function unwrap(wrapped: Uint8Array): Promise<Bytes | undefined> {
    const name = `${kid} ${await primitives.digestText(wrapped)}`
    try {
      return await opened.get(name, async () => {
        const key = await ask((request) => service.unwrap(wrapped.slice(), request))
        // Condition: what a key service does not give back as a data key does not unwrap.
        if (!isBytes(key) || key.length !== DATA_KEY_BYTES) throw NOT_ITS_OWN
        return Uint8Array.from(key)
      })
    } catch (cause) {
      if (cause === NOT_ITS_OWN) return undefined
      throw cause
    }
  }

  return Object.freeze({ type: SERVICE, kid, kidField: encodeKid(kid), wrap, unwrap } satisfies Unwrapper)
}

/** Thrown within this module alone: nothing is kept of what a service refused. */
const NOT_ITS_OWN = new Error('no data key of this service')

async function within<T>(kid: string, timeoutMs: number, work: (request: KeyRequest) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs)
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
  try {
    return await Promise.race([work({ kid, signal }), late])
  } catch (cause) {
    // Condition: a key service that cannot be reached, or answers too late, is said to be down.
    throw new CountersignError('key-service-unavailable', { cause, detail: { keyId: kid } })
  }
}
