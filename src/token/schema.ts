import * as z from 'zod'
import { withMethods } from '../core/options.ts'
import type { CredentialSource } from '../keys/credentials.ts'
import type { IssueTokenOptions, TokenIssuerOptions } from './token-issuer-options.ts'

const RESERVED_NAMES = /^(?:spiffe|wimse|api-key):/i
/** The claims that the issuer writes itself, or that say by what a token is judged. */
const OWN_CLAIMS: readonly string[] = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'scope', 'cnf']
const MAX_PERMISSIONS = 256

/** The name of an issuer of access tokens. */
export const issuerName = z
  .string()
  .regex(/^[\x21-\x7e]{1,1024}$/, 'write the issuer as it stands in "iss": printable, without spaces')
  // Condition: an issuer that goes by the name of a workload or of an API key is refused.
  .refine((name) => !RESERVED_NAMES.test(name), 'an issuer of access tokens does not speak for workloads or API keys')

/** Checks the options of `createTokenIssuer`; each message says what to write instead. */
export const tokenIssuerOptionsSchema = z.strictObject({
  issuer: issuerName,
  keys: z.union(
    [
      withMethods<CredentialSource>('', 'load'),
      z.looseObject({ keys: z.array(z.unknown()) }) as unknown as z.ZodType<{ keys: [] }>,
    ],
    { error: 'give { "keys": [private keys] }, or credentialFile(path)' },
  ),
  clock: withMethods<NonNullable<TokenIssuerOptions['clock']>>('give an object with a now method', 'now').optional(),
}) as z.ZodType<TokenIssuerOptions>

const name = z.string().regex(/^[\x21-\x7e]{1,256}$/, 'write up to 256 printable characters, without spaces')
const audience = z.string().min(1, 'name the service as it names itself in its "audience"')
// Condition: an access token is not issued with a permission that would be read as two or none.
const permission = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'write a name without spaces, quotes and backslashes')

const claims = z.record(z.string(), z.json('give what can be written as JSON')).superRefine((given, { addIssue }) => {
  // Condition: an access token with a claim of its own in place of one of the issuer is not issued.
  const own = OWN_CLAIMS.find((one) => Object.hasOwn(given, one))
  if (own !== undefined) addIssue({ code: 'custom', path: [own], message: 'leave it out: the issuer writes it' })
})

/** Checks what a token is to say. */
export const issueTokenOptionsSchema = z.strictObject({
  subject: name,
  // Condition: an access token is not issued for no audience.
  audience: z.union([audience, z.array(audience).min(1)], { error: 'name at least one service' }),
  permissions: z.array(permission).max(MAX_PERMISSIONS, `give at most ${MAX_PERMISSIONS} permissions`).optional(),
  lifetimeSeconds: z.number('write whole seconds').optional(),
  clientId: name.optional(),
  claims: claims.optional(),
  confirmation: z.looseObject({ kty: z.string() }, 'give the public key of whoever holds the token').optional(),
}) as z.ZodType<IssueTokenOptions>
