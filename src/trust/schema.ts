import * as z from 'zod'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOf } from '../crypto/suites.ts'
import { hasPrivateMembers } from '../keys/jwk.ts'
import { curveKey } from '../keys/schema.ts'
import type { FollowOptions } from './remote-options.ts'
import type { TrustUrlOptions } from './trust-url-options.ts'

const text = z.string().min(1, 'write a text that is not empty')
const uri = z.string().regex(/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/, 'write an absolute URI')

/** Tells whether a SPIFFE bundle holds a key for certificates or bearer tokens: it vouches for no workload identity token. */
export function isForSomethingElse(jwk: Jwk): boolean {
  return jwk.use === 'x509-svid' || jwk.use === 'jwt-svid'
}

// Condition: a trust bundle that holds a private or symmetric key is refused.
const isPublic = (jwk: Jwk) => !hasPrivateMembers(jwk)
// Condition: a trusted key without a "kid" is refused.
const isNamed = (jwk: Jwk) => jwk.kid !== undefined

const anyKey = z
  .looseObject({ kty: text })
  .refine(isPublic, 'give the public key alone: this one has private members') as z.ZodType<Jwk>
const publicKey = anyKey.pipe(curveKey).refine(isNamed, { path: ['kid'], message: 'give the key a "kid"' })

function signs(jwk: Jwk): boolean {
  return jwk.crv !== 'X25519' && (jwk.alg === undefined || suiteOf(jwk.alg)?.crv === jwk.crv)
}

// Condition: a trust anchor that cannot verify signatures is refused.
const anchor = publicKey.refine(
  (jwk) => signs(jwk) && [undefined, 'sig', 'wit-svid'].includes(jwk.use),
  'an anchor is a P-256 key for ES256 or an Ed25519 key, its "use" none, "sig" or "wit-svid"',
)

// Condition: an audit key that cannot verify signatures is refused.
const auditKey = publicKey.refine(
  (jwk) => signs(jwk) && [undefined, 'sig'].includes(jwk.use),
  'an audit key is a P-256 key for ES256 or an Ed25519 key, its "use" none or "sig"',
)

// Condition: a seal key that cannot agree on a secret is refused.
const sealKey = publicKey.refine(
  (jwk) => jwk.crv !== 'Ed25519' && suiteOf(jwk.alg ?? '') === undefined && [undefined, 'enc'].includes(jwk.use),
  'a seal key is on P-256 or X25519, its "use" none or "enc"',
)

/** An anchor, or a key of a SPIFFE bundle for something else, which may be of any type and is passed over. */
const domainKey = anyKey.superRefine((jwk, context) => {
  if (isForSomethingElse(jwk)) return
  const result = anchor.safeParse(jwk)
  for (const { path, message } of result.error?.issues ?? []) context.addIssue({ code: 'custom', path, message })
})

/** Whether a key of a document that others write for many readers can vouch for tokens here; what else it holds is passed over. */
export function isAnchor(jwk: Jwk): boolean {
  return !isForSomethingElse(jwk) && anchor.safeParse(jwk).success
}

const seconds = (least: number, most: number) =>
  z.number().min(least, `give at least ${least} seconds`).max(most, `give at most ${most} seconds`)

/** How a document at a distance is followed. */
export const followOptions = {
  maxStaleSeconds: seconds(1, 604_800).optional(),
  refreshSeconds: seconds(1, 86_400).optional(),
  snapshot: text.optional(),
  fetch: z.custom<typeof fetch>((value) => typeof value === 'function', 'give a function as fetch is').optional(),
}

/** Checks how a document is followed that has no options of its own. */
export const followOptionsSchema: z.ZodType<FollowOptions> = z.strictObject(followOptions)

export const trustUrlOptionsSchema: z.ZodType<TrustUrlOptions> = z.strictObject({
  trustDomain: text,
  issuers: z.array(uri).optional(),
  ...followOptions,
})

function atLeastOne<T extends z.ZodType>(keys: T) {
  return z.array(keys).min(1, 'give at least one key, or leave it out')
}

const trustDomain = z.strictObject({
  keys: z.array(domainKey),
  issuers: z.array(uri).exactOptional(),
  spiffe_sequence: z.number().exactOptional(),
  spiffe_refresh_hint: z.number().exactOptional(),
})

const workload = z.strictObject({
  keys: atLeastOne(anchor).exactOptional(),
  seal: atLeastOne(sealKey).exactOptional(),
  audit: atLeastOne(auditKey).exactOptional(),
  origins: z.array(z.string()).exactOptional(),
})

/** The document of a trust bundle, member for member. What holds between members is checked in `bundle.ts`. */
export const bundleSchema = z.strictObject({
  trust_domains: z.record(z.string(), trustDomain).exactOptional(),
  workloads: z.record(z.string(), workload).exactOptional(),
  revoked: z
    .strictObject({
      workloads: z.array(text).exactOptional(),
      keys: z.array(text).exactOptional(),
      tokens: z.array(text).exactOptional(),
    })
    .exactOptional(),
})
