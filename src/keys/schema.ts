import * as z from 'zod'
import { fromBase64url } from '../core/base64url.ts'
import type { Code } from '../core/codes.ts'
import { CountersignError } from '../core/errors.ts'
import { plainly } from '../core/options.ts'
import type { Jwk } from '../crypto/primitives.ts'

const KEY_BYTES = 32

/** Says where a document is wrong and what stands there instead of what; a schema's message quotes no value. */
function explain(error: z.ZodError): { option: string; fix: string } {
  const issue = error.issues[0]
  const option = issue === undefined || issue.path.length === 0 ? 'document' : issue.path.map(String).join('.')
  return { option, fix: issue?.message ?? 'invalid' }
}

/** Reads a document by its schema; the error of `code` names the place and the fix. */
export function readDocument<T>(schema: z.ZodType<T>, value: unknown, code: Code): T {
  const result = schema.safeParse(value, { error: plainly })
  if (result.success) return result.data
  throw new CountersignError(code, { detail: explain(result.error) })
}

const isCoordinate = (text: string) => fromBase64url(text)?.length === KEY_BYTES
const coordinate = z.string().refine(isCoordinate, 'write 32 bytes as base64url without padding')
const text = z.string().min(1, 'write a name that is not empty')

const elliptic = {
  kid: text.exactOptional(),
  alg: text.exactOptional(),
  use: text.exactOptional(),
  x: coordinate,
}

/** A key on one of the curves in use. */
const curveKeys = [
  z.looseObject({ ...elliptic, kty: z.literal('EC'), crv: z.literal('P-256'), y: coordinate }),
  z.looseObject({ ...elliptic, kty: z.literal('OKP'), crv: z.enum(['Ed25519', 'X25519']) }),
] as const

/** A key on P-256, Ed25519 or X25519, private or public: other types have no use here. */
export const curveKey: z.ZodType<Jwk, Jwk> = z.discriminatedUnion('kty', [...curveKeys])

const privateKey = curveKey.refine((jwk) => typeof jwk.d === 'string' && isCoordinate(jwk.d), {
  path: ['d'],
  message: 'give the private key: "d" is 32 bytes as base64url without padding',
})

/** What a credential file holds: private keys, and a workload identity token where somebody else vouches. */
export const credentialsSchema = z.strictObject({
  keys: z.array(privateKey).min(1, 'give at least one private key'),
  token: text.exactOptional(),
})
