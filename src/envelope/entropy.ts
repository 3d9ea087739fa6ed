import { primitives } from '#crypto'
import type { Bytes } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import { randomBytes } from '../core/random.ts'
import type { AgreementKey } from '../crypto/primitives.ts'
import type { Curve } from '../crypto/suites.ts'

/** A key pair that seals one data key and is forgotten. */
export interface Ephemeral {
  readonly key: AgreementKey
  readonly point: Uint8Array
}

/** All that is random in an envelope. Nothing but a test may bring its own. */
export interface Entropy {
  dataKey(): Bytes
  salt(): Bytes
  wrapSalt(): Bytes
  ephemeral(curve: Curve): MaybePromise<Ephemeral>
}

/** The randomness of the machine. */
export const systemEntropy: Entropy = Object.freeze({
  dataKey: () => randomBytes(32),
  salt: () => randomBytes(24),
  wrapSalt: () => randomBytes(24),
  ephemeral: (curve: Curve) => primitives.generateAgreement(curve),
})
