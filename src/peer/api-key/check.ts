import { equalText } from '../../core/bytes.ts'
import type { Clock } from '../../core/clock.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse, settle } from '../../core/maybe-promise.ts'
import { API_KEY, type Peer } from '../../identity/peer.ts'
import { hashOfKey, idOfKey } from './key-text.ts'
import type { ApiKeyRecord } from './record.ts'
import { isOwner } from './record-text.ts'
import type { ApiKeyStore } from './store.ts'

/** Compared with where there is no record: who guesses ids learns nothing from the time it takes. It is the hash of no key. */
const NO_HASH = 'A'.repeat(43)

/** Finds out whose key it is: cheap checks first, and one code for everything that fails. */
export function checkKey(store: ApiKeyStore, clock: Clock, text: string): MaybePromise<Peer> {
  const id = idOfKey(text)
  return andThen(ask(store, id), (record) =>
    andThen(hashOfKey(text), (hash) => {
      const isSame = equalText(hash, record?.hash ?? NO_HASH)
      const now = clock.now()
      const live = judge(id, { record, isSame, now })
      // Nobody waits for it, and whatever comes of it changes nothing.
      void orElse(
        () => settle(store.touched?.(id, now)),
        () => undefined,
      )
      return peerOf(live)
    }),
  )
}

interface Found {
  readonly record: ApiKeyRecord | undefined
  readonly isSame: boolean
  readonly now: number
}

function judge(id: string, { record, isSame, now }: Found): ApiKeyRecord {
  // Condition: an API key of which there is no record is refused.
  if (record === undefined) throw invalid(id, 'unknown')
  // Condition: an API key whose hash is not the one of its record is refused.
  if (!isSame) throw invalid(id, 'secret')
  // Condition: an API key that was revoked is refused.
  if (record.revokedAt !== undefined) throw invalid(id, 'revoked')
  // Condition: an API key that has expired is refused.
  if (record.expiresAt !== undefined && !(now < record.expiresAt)) throw invalid(id, 'expired')
  return record
}

function ask(store: ApiKeyStore, id: string): MaybePromise<ApiKeyRecord | undefined> {
  const found = orElse(
    () => settle(store.find(id)),
    (cause) => {
      // Condition: a store of API keys that fails refuses the call as unavailable, never as bad.
      throw new CountersignError('keys-unavailable', { cause, detail: { step: 'find', keyId: id } })
    },
  )
  return andThen(found, (record) => {
    // Condition: a record of an API key that is not whole refuses the call as unavailable.
    if (record !== undefined && !isWhole(record)) {
      throw new CountersignError('keys-unavailable', { detail: { step: 'record', keyId: id } })
    }
    return record
  })
}

/** What a store of somebody's own gives is looked at where it matters. */
function isWhole(record: ApiKeyRecord | null): boolean {
  return (
    record !== null &&
    typeof record.hash === 'string' &&
    typeof record.owner === 'string' &&
    isOwner(record.owner) &&
    Array.isArray(record.scopes) &&
    record.scopes.every((scope) => typeof scope === 'string')
  )
}

function invalid(id: string, step: string): CountersignError {
  return new CountersignError('api-key-invalid', { detail: { step, keyId: id } })
}

function peerOf({ id, owner, scopes }: ApiKeyRecord): Peer {
  return Object.freeze({
    id: `${API_KEY}:${owner}`,
    authenticatedBy: API_KEY,
    scopes: Object.freeze([...scopes]),
    claims: Object.freeze({ keyId: id }),
    also: Object.freeze([]),
  })
}
