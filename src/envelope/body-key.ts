import { primitives } from '#crypto'
import { type Bytes, equalBytes } from '../core/bytes.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { AeadKey, MacKey } from '../crypto/primitives.ts'
import { contentKeys, headerMac, importOnce } from './derive.ts'
import type { Header } from './header.ts'
import { type Keyring, unwrapperOf } from './keyring.ts'
import { currentOf, type Recipient } from './recipients.ts'
import type { Suite } from './suite.ts'
import { unopened } from './unopened.ts'

/** What a body is sealed by: a key that serves it alone, the first nonce, and how it is cut. */
export interface BodyKey {
  readonly key: AeadKey
  readonly baseNonce: Uint8Array
  readonly suite: Suite
}

/** The key of the body behind a header that holds. A context that has no encoding is given as undefined. */
export function bodyKeyOf(header: Header, keyring: Keyring, context: Bytes | undefined): MaybePromise<BodyKey> {
  return andThen(unwrapDataKey(header, keyring), (dataKey) => checkHeader(header, dataKey, context))
}

function unwrapDataKey(header: Header, keyring: Keyring): MaybePromise<MacKey> {
  return andThen(rawDataKeyOf(header, keyring), (raw) => importOnce(raw, primitives.macKey))
}

/** The data key of an envelope, as bytes: whoever asks for them forgets them. Nothing of the header is proven by it. */
export function rawDataKeyOf(header: Header, keyring: Keyring): MaybePromise<Bytes> {
  return andThen(currentOf(keyring), (current) => unwrapBy(header, current))
}

function unwrapBy({ recipients, salt }: Header, keyring: Recipient): MaybePromise<Bytes> {
  for (const { known } of recipients) {
    const unwrapper = known && unwrapperOf(keyring, known.type, known.kid)
    if (known === undefined || unwrapper === undefined) continue
    return andThen(unwrapper.derive === undefined ? unwrapper.unwrap(known.body) : unwrapper.derive(salt), (raw) => {
      // Condition: a data key that does not unwrap is refused without a second attempt.
      if (raw === undefined) throw unopened('unwrap-failed', known.kid)
      return raw
    })
  }
  // Condition: an envelope for nobody in the keyring is refused.
  throw unopened('no-recipient', recipients.find(({ known }) => known)?.known?.kid)
}

/** Whether the header is as whoever sealed, or had the data key since, has left it. */
export function checkHeaderMac(header: Header, dataKey: MacKey): MaybePromise<void> {
  return andThen(headerMac(dataKey, header.covered), (mac) => {
    // Condition: a header whose MAC does not hold is refused.
    if (!equalBytes(mac, header.mac)) throw unopened('header-mac')
  })
}

function checkHeader(header: Header, dataKey: MacKey, context: Bytes | undefined): MaybePromise<BodyKey> {
  const { suite, salt } = header
  return andThen(checkHeaderMac(header, dataKey), () => {
    // Condition: opening under a context that has no encoding is refused as under any other.
    if (context === undefined) throw unopened('commitment')
    return andThen(contentKeys(dataKey, { suite, salt, context }), ({ key, baseNonce, commitment }) => {
      // Condition: a commitment to another key or context is refused before a chunk is opened.
      if (!equalBytes(commitment, header.commitment)) throw unopened('commitment')
      return andThen(importOnce(key, primitives.aeadKey), (imported) => ({ key: imported, baseNonce, suite }))
    })
  })
}
