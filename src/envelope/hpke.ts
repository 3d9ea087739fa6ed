import { primitives } from '#crypto'
import { type Bytes, concat, utf8 } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Curve } from '../crypto/suites.ts'
import { expand, extract } from './derive.ts'
import type { Ephemeral } from './entropy.ts'

const EMPTY = new Uint8Array(0)
const VERSION = utf8('HPKE-v1')
const HKDF_SHA256 = [0, 1]
const AES_256_GCM = Object.freeze({ id: 2, keyBytes: 32 })

/** The algorithms of one HPKE ciphersuite, with the identifiers their derivations are bound to (RFC 9180 §7). */
export interface HpkeSuite {
  readonly curve: Curve
  readonly kemId: Uint8Array
  readonly scheduleId: Uint8Array
  readonly keyBytes: number
}

/** What is sealed or opened besides the keys. */
export interface HpkeMessage {
  readonly info: Uint8Array
  readonly aad: Uint8Array
  readonly payload: Uint8Array
}

/** Puts a ciphersuite together; only tests ask for another AEAD than AES-256-GCM. */
export function hpkeSuite(curve: Curve, aead: { readonly id: number; readonly keyBytes: number }): HpkeSuite {
  const kem = [0, curve === 'P-256' ? 0x10 : 0x20]
  return Object.freeze({
    curve,
    kemId: concat(utf8('KEM'), Uint8Array.from(kem)),
    scheduleId: concat(utf8('HPKE'), Uint8Array.from([...kem, ...HKDF_SHA256, 0, aead.id])),
    keyBytes: aead.keyBytes,
  })
}

/** The two ciphersuites in use. */
export const hpkeSuites: Readonly<Record<Curve, HpkeSuite>> = Object.freeze({
  'P-256': hpkeSuite('P-256', AES_256_GCM),
  X25519: hpkeSuite('X25519', AES_256_GCM),
})

interface Labelled {
  readonly label: string
  readonly salt?: Uint8Array
  readonly input: Uint8Array
}

function labeledExtract(suiteId: Uint8Array, { label, salt = EMPTY, input }: Labelled): MaybePromise<Bytes> {
  return extract(salt, concat(VERSION, suiteId, utf8(label), input))
}

async function labeledExpand(
  suiteId: Uint8Array,
  secret: Uint8Array,
  { label, info, length }: { readonly label: string; readonly info: Uint8Array; readonly length: number },
): Promise<Bytes> {
  const labeled = concat(Uint8Array.of(length >> 8, length & 0xff), VERSION, suiteId, utf8(label), info)
  return expand(await primitives.macKey(secret), labeled, length)
}

/** The secret of a key agreement, bound to both public points (RFC 9180 §4.1). */
export async function sharedSecret(suite: HpkeSuite, agreed: Uint8Array, points: Uint8Array): Promise<Bytes> {
  const prk = await labeledExtract(suite.kemId, { label: 'eae_prk', input: agreed })
  return labeledExpand(suite.kemId, prk, { label: 'shared_secret', info: points, length: 32 })
}

/** Key and nonce of the first message in base mode (RFC 9180 §5.1). */
export async function keySchedule(
  suite: HpkeSuite,
  shared: Uint8Array,
  info: Uint8Array,
): Promise<{ key: Bytes; baseNonce: Bytes }> {
  const id = suite.scheduleId
  const pskIdHash = await labeledExtract(id, { label: 'psk_id_hash', input: EMPTY })
  const infoHash = await labeledExtract(id, { label: 'info_hash', input: info })
  const context = concat(Uint8Array.of(0), pskIdHash, infoHash)
  const secret = await labeledExtract(id, { label: 'secret', salt: shared, input: EMPTY })
  const key = await labeledExpand(id, secret, { label: 'key', info: context, length: suite.keyBytes })
  const baseNonce = await labeledExpand(id, secret, { label: 'base_nonce', info: context, length: 12 })
  return { key, baseNonce }
}

/** Seals one message in base mode; undefined where the recipient's point is not on the curve. */
export async function hpkeSeal(
  suite: HpkeSuite,
  keys: { readonly ephemeral: Ephemeral; readonly recipient: Uint8Array },
  message: HpkeMessage,
): Promise<Bytes | undefined> {
  const { ephemeral, recipient } = keys
  const agreed = await primitives.agree(ephemeral.key, recipient)
  if (agreed === undefined) return undefined
  const shared = await sharedSecret(suite, agreed, concat(ephemeral.point, recipient))
  const { key, baseNonce } = await keySchedule(suite, shared, message.info)
  return concat(...(await primitives.encrypt(await primitives.aeadKey(key), baseNonce, message.payload, message.aad)))
}

/** Opens one message in base mode, by the secret agreed on; undefined where it does not open, for whatever reason. */
export async function hpkeOpen(
  suite: HpkeSuite,
  keys: { readonly agreed: Uint8Array | undefined; readonly recipient: Uint8Array; readonly ephemeral: Uint8Array },
  message: HpkeMessage,
): Promise<Bytes | undefined> {
  const { agreed, recipient, ephemeral } = keys
  if (agreed === undefined) return undefined
  const shared = await sharedSecret(suite, agreed, concat(ephemeral, recipient))
  const { key, baseNonce } = await keySchedule(suite, shared, message.info)
  return await primitives.decrypt(await primitives.aeadKey(key), baseNonce, message.payload, message.aad)
}
