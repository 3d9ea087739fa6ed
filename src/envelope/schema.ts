import * as z from 'zod'
import type { Jwk } from '../crypto/primitives.ts'
import { readDocument } from '../keys/schema.ts'
import type { KeyringEntry, KeyringOptions } from './keyring.ts'

// What a key has to be is said by the keyring, in one place: here only the shape of the file is read.
const jwk = z.looseObject({ kty: z.string() }).transform((value) => value as Jwk)
const entry: z.ZodType<KeyringEntry> = z.strictObject({
  key: jwk,
  state: z.enum(['pending', 'open-only', 'disabled', 'destroyed']).exactOptional(),
})

const keyringSchema: z.ZodType<KeyringOptions> = z.strictObject({
  primary: z.string().min(1, 'name the key that seals'),
  keys: z.record(z.string(), z.union([jwk, entry], 'write a JWK, or "key" and "state"')),
})

/** Reads a keyring file. */
export function readKeyring(text: string): KeyringOptions {
  return readDocument(keyringSchema, JSON.parse(text), 'key-invalid')
}
