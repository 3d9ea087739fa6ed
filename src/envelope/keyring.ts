import { isCountersignError } from '../core/errors.ts'
import { checkGiven } from '../core/given.ts'
import type { Jwk, MacKey } from '../crypto/primitives.ts'
import { isCryptoKey, isCryptoKeyPair, pairOfCryptoKeys, symmetricCryptoKey } from './crypto-key.ts'
import { hpkeKey } from './hpke-recipient.ts'
import { checkUse, publicPoint, symmetricBytes } from './jwk.ts'
import { kekRecipient } from './kek.ts'
import { isKeyService, type KeyService, serviceRecipient } from './key-service.ts'
import { isBytes, keyInvalid, optionInvalid } from './misuse.ts'
import { OpenedKeys, type OpenedKeysOptions } from './opened-keys.ts'
import { KEK, type RecipientType, type Unwrapper } from './recipient-type.ts'
import { isFollowing, type Recipient, standFor } from './recipients.ts'
import { sessionKey } from './session-key.ts'

/**
 * A key that opens. A symmetric one: 32 bytes, a JWK of type `oct`, or a CryptoKey, those bytes imported as `HKDF` for
 * `deriveBits`. Else a private P-256 or X25519 key: a JWK, or the pair that WebCrypto has generated for `deriveBits`.
 */
export type KeyringKey = Uint8Array | Jwk | CryptoKey | CryptoKeyPair

/**
 * What a key that is not the primary does. `pending`: opens already, will be primary once every process has it.
 * `open-only`: was primary, still opens. `disabled`: neither, for the time being. `destroyed`: neither, for good.
 */
export type KeyState = 'pending' | 'open-only' | 'disabled' | 'destroyed'

/** A key of a keyring, with its state where it has one. Without one it opens. */
export interface KeyringEntry {
  readonly key: KeyringKey | KeyService
  readonly state?: KeyState
}

/** The keys of a keyring by their ids, and which of them is sealed to. */
export interface KeyringOptions {
  readonly primary: string
  readonly keys: Readonly<Record<string, KeyringKey | KeyService | KeyringEntry>>
  /** How data keys are kept that a key service has opened. */
  readonly openedKeys?: OpenedKeysOptions
  /** How long a key service may take; 5,000 by default. */
  readonly timeoutMs?: number
}

/** A recipient that can also open: its primary is what is sealed to. */
export interface Keyring extends Recipient {
  /** The ids of the keys that open. */
  readonly kids: readonly string[]
}

type Opening = ReadonlyMap<string, Unwrapper>

const SERVICE_TIMEOUT_MS = 5_000
const STATES: readonly unknown[] = ['pending', 'open-only', 'disabled', 'destroyed']
const openings = new WeakMap<Recipient, Opening>()

const nameOf = (typeId: number, kid: string) => `${typeId} ${kid}`

/** The one key of a keyring with this type and id. */
export function unwrapperOf(keyring: Recipient, type: RecipientType, kid: string): Unwrapper | undefined {
  return openings.get(keyring)?.get(nameOf(type.id, kid))
}

/** Throws `option-invalid` for what is no keyring. */
export function checkKeyring(keyring: Keyring): void {
  // Condition: opening with what is no keyring is refused.
  if (!openings.has(keyring) && !isFollowing(keyring)) throw optionInvalid('with', 'give what createKeyring() made')
}

type Given = KeyringKey | KeyService | KeyringEntry

function entryOf(given: Given): KeyringEntry {
  // A JWK may have any member, one named "key" too; an entry has no type.
  return isBytes(given) || !('key' in given) || 'kty' in given ? { key: given as KeyringKey } : (given as KeyringEntry)
}

interface Making {
  readonly isPrimary: boolean
  readonly limits: ServiceLimits
}

interface ServiceLimits {
  readonly opened: OpenedKeys
  readonly timeoutMs: number
}

function limitsOf({ openedKeys, timeoutMs = SERVICE_TIMEOUT_MS }: KeyringOptions): ServiceLimits {
  // Condition: a time for key services that is not a whole number of milliseconds from 1 is refused.
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) throw optionInvalid('timeoutMs', 'give milliseconds, from 1')
  return { opened: new OpenedKeys(openedKeys), timeoutMs }
}

function importKey(kid: string, key: KeyringKey, option: string): Unwrapper {
  if (isBytes(key)) return kekRecipient(kid, symmetricBytes(key, option))
  if (isCryptoKey(key)) return symmetricCryptoKey(kid, key, option)
  if (isCryptoKeyPair(key)) return pairOfCryptoKeys(kid, key, option)
  checkUse(key, option)
  if (key.kty === 'oct') return kekRecipient(kid, symmetricBytes(key, option))
  const point = publicPoint(key, option)
  // Condition: a public key is refused in a keyring.
  if (key.d === undefined) throw keyInvalid(option, 'give the private key')
  try {
    return hpkeKey(kid, key, point)
  } catch (error) {
    throw isCountersignError(error) ? keyInvalid(option, error.detail.fix ?? 'give a valid key') : error
  }
}

function keyOf(kid: string, given: Given, { isPrimary, limits }: Making): Unwrapper | undefined {
  const option = `keys.${kid}`
  if (typeof given !== 'object' || given === null)
    throw keyInvalid(option, 'give 32 bytes, a JWK, a CryptoKey or a key service')
  const { key, state } = entryOf(given)
  // Condition: a key in an unknown state is refused.
  if (state !== undefined && !STATES.includes(state))
    throw optionInvalid(`${option}.state`, `write ${STATES.join(', ')}`)
  // Condition: a primary key that has a state is refused.
  if (isPrimary && state !== undefined) throw optionInvalid(`${option}.state`, 'the primary seals: it has no state')
  // Condition: a disabled or destroyed key neither seals nor opens.
  if (state === 'disabled' || state === 'destroyed') return undefined
  return isKeyService(key) ? serviceRecipient(kid, key, limits) : importKey(kid, key, option)
}

/**
 * Makes a keyring: a recipient to seal to that can also open. What is sealed to it is sealed to the primary; it opens
 * by each key that is neither disabled nor destroyed, chosen by type and id alone and tried once. Rotation is data:
 * add a key as `pending`, make it the primary once every process has it, leave the old one as `open-only` until
 * nothing sealed to it is left.
 *
 * It does not say where an envelope comes from: whoever can seal to one of its keys has made it. Of a CryptoKey it does
 * not find out how long it is: import 32 random bytes.
 *
 * @param options `primary`, one of the ids in `keys`; an id is 1 to 255 bytes in UTF-8. Keys are copied.
 * @throws {CountersignError} `option-invalid`, `key-invalid` (the public half of a private key is compared at once
 *   where the runtime can, else at the first use, as that of a pair of CryptoKeys always is)
 * @example
 * const keyring = createKeyring({
 *   primary: '2026-07',
 *   keys: { '2026-07': crypto.getRandomValues(new Uint8Array(32)), '2026-01': { key: older, state: 'open-only' } },
 * })
 * @see SVE1 §10.3
 */
export function createKeyring(options: KeyringOptions): Keyring {
  checkGiven(options, 'options')
  const { primary, keys } = options
  if (typeof keys !== 'object' || keys === null) throw optionInvalid('keys', 'give a record of keys by their ids')
  // Condition: a keyring whose primary is none of its keys is refused.
  if (typeof primary !== 'string' || !Object.hasOwn(keys, primary)) {
    throw optionInvalid('primary', 'name one of the keys')
  }
  const limits = limitsOf(options)
  const opening = new Map<string, Unwrapper>()
  let sealing: Unwrapper | undefined
  for (const [kid, given] of Object.entries(keys)) {
    const isPrimary = kid === primary
    const key = keyOf(kid, given, { isPrimary, limits })
    if (key !== undefined) opening.set(nameOf(key.type.id, kid), key)
    if (isPrimary) sealing = key
  }
  if (sealing === undefined) throw optionInvalid('primary', 'name one of the keys')
  const kids = Object.freeze([...opening.values()].map(({ kid }) => kid))
  const keyring = standFor(Object.freeze({ kid: primary, kids }), sealing)
  openings.set(keyring, opening)
  return keyring
}

/** A keyring that has no keys any more: it opens nothing, and says why it cannot be sealed to. */
export function emptyKeyring(why: string): Keyring {
  const made = Object.freeze({ kid: '', kids: Object.freeze([]) })
  openings.set(made, new Map())
  const wrap = () => {
    throw keyInvalid('to', why)
  }
  return standFor(made, { type: KEK, kid: '', kidField: new Uint8Array(0), wrap })
}

/** The keyring of one direction of a session: it seals and opens by that key, and by no other. */
export function sessionKeyring(id: string, key: MacKey): Keyring {
  const made = sessionKey(id, key)
  const keyring = standFor(Object.freeze({ kid: id, kids: Object.freeze([id]) }), made)
  openings.set(keyring, new Map([[nameOf(made.type.id, id), made]]))
  return keyring
}
