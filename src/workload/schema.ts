import * as z from 'zod'
import { withMethods } from '../core/options.ts'
import { sessionOptionsSchema } from '../session/schema.ts'
import type { BearerFetchOptions } from './bearer-fetch-options.ts'
import type { WorkloadOptions } from './workload-options.ts'

const audience = z
  .url({ protocol: /^https?$/, error: 'give an origin or URL prefix, such as https://payments.example' })
  .refine(isCanonical, 'write it as a proof would name it: lower case, no default port, no dot segments, no query')

function isCanonical(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { origin, pathname } = new URL(text)
  return text === origin || text === origin + pathname
}

/** Checks what `createWorkload` is given; each message says what to write instead. */
export const workloadOptionsSchema = z.strictObject({
  id: z.string('give the workload identifier, such as spiffe://acme.internal/orders'),
  credentials: withMethods<WorkloadOptions['credentials']>(
    'give credentialFile(path), selfIssued(key) or issued({ key, token })',
    'load',
  ),
  certificate: withMethods<NonNullable<WorkloadOptions['certificate']>>(
    'give certificateFiles({ certificate, key }) or certificatePem({ certificate, key })',
    'load',
  ).optional(),
  trust: withMethods<WorkloadOptions['trust']>('give trustFile(path), trustUrl(url, …) or trustBundle(bundle)', 'load'),
  peers: z
    .union(
      [
        z.record(z.string(), z.string()),
        z.custom<(url: URL) => string | undefined>((value) => typeof value === 'function'),
      ],
      {
        error: 'give a record of origin to workload identifier, or a function of the URL',
      },
    )
    .optional(),
  audiences: z.array(audience).optional(),
  mode: z.enum(['enforce', 'observe'], "give 'enforce' or 'observe'").optional(),
  audit: z
    .custom<WorkloadOptions['audit']>(
      (value) => typeof value === 'object' && value !== null,
      'give a sink, sinks or auditTrail(…)',
    )
    .optional(),
  replay: withMethods<NonNullable<WorkloadOptions['replay']>>('give a store with a claim method', 'claim').optional(),
  sessions: z
    .union([z.literal(false), sessionOptionsSchema], 'give false, or an object with lifetimeSeconds and the like')
    .optional(),
  clock: withMethods<NonNullable<WorkloadOptions['clock']>>('give an object with a now method', 'now').optional(),
  clockToleranceSeconds: z.int('give whole seconds').min(0).max(300, 'give at most 300 seconds').optional(),
  transport: z
    .custom<NonNullable<WorkloadOptions['transport']>>(
      (value) => typeof value === 'function',
      'give a function shaped like fetch',
    )
    .optional(),
}) as unknown as z.ZodType<WorkloadOptions>

/** Checks what `bearerFetch` is given besides its source. */
export const bearerFetchOptionsSchema = z.strictObject({
  fetch: z
    .custom<NonNullable<BearerFetchOptions['fetch']>>(
      (value) => typeof value === 'function',
      'give a function shaped like fetch',
    )
    .optional(),
  clock: withMethods<NonNullable<BearerFetchOptions['clock']>>('give an object with a now method', 'now').optional(),
}) as z.ZodType<BearerFetchOptions>
