import * as z from 'zod'
import type { Jwk } from '../../crypto/primitives.ts'
import { readWorkloadId } from '../../identity/workload-id.ts'
import { issuerName } from '../../token/schema.ts'
import { followOptions } from '../../trust/schema.ts'
import type { BearerTokenOptions } from './bearer-token-options.ts'

const text = z.string().min(1, 'write a text that is not empty')

const workloadId = z
  .string()
  .refine((id) => readWorkloadId(id) !== undefined, 'write an identifier, as in spiffe://acme.internal/orders')

const keySet = z.looseObject({ keys: z.array(z.looseObject({ kty: text }) as unknown as z.ZodType<Jwk>) })

const algorithm = z.enum([
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'HS256',
  'HS384',
  'HS512',
])

const dpop = z.strictObject({
  required: z.boolean('give true or false').optional(),
  nonces: z
    .union([z.boolean(), z.instanceof(Uint8Array).refine((bytes) => bytes.length === 32)], {
      error: 'give true, or 32 bytes that all processes behind one address share',
    })
    .optional(),
})

/** Checks the options of `bearerToken`; each message says what to write instead. */
export const bearerTokenOptionsSchema = z.strictObject({
  issuer: issuerName,
  audience: z.union([text, z.array(text).min(1)], { error: 'give the audience, or a list of audiences' }),
  keys: z
    .union([text, z.instanceof(URL), keySet], { error: 'give the URL of a JWK Set, or the set: { "keys": […] }' })
    .optional(),
  algorithms: z.array(algorithm).min(1, 'list at least one algorithm, or leave the option out').optional(),
  type: z.enum(['at+jwt', 'JWT']).optional(),
  maxLifetimeSeconds: z.int('give whole seconds').min(1).max(31_536_000, 'give a year at most').optional(),
  permissions: z.array(text).optional(),
  successors: z.record(z.string(), workloadId).optional(),
  dpop: dpop.optional(),
  certificateFrom: z.enum(['connection', 'client-cert'], "give 'connection' or 'client-cert'").optional(),
  dangerouslySharedSecret: z
    .union([z.string(), z.instanceof(Uint8Array)], { error: 'give a text or bytes' })
    .optional(),
  ...followOptions,
}) as z.ZodType<BearerTokenOptions>
