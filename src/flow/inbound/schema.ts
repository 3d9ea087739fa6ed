import * as z from 'zod'
import { withMethods } from '../../core/options.ts'
import type { Authenticator } from '../../peer/authenticator.ts'
import { isProxyName } from '../../peer/proxies.ts'
import type { Authorizer } from '../../policy/decision.ts'
import type { GuardOptions } from './guard-options.ts'

const path = z.string().startsWith('/', 'give a full path, beginning with a slash')

/** Checks the options of a guard; each message says what to write instead. */
export const guardOptionsSchema: z.ZodType<GuardOptions> = z.strictObject({
  policy: withMethods<Authorizer>(
    'give a policy: policyFile(path), definePolicy(document) or allowAuthenticated()',
    'decide',
  ),
  accept: z
    .array(withMethods<Authenticator>('give authenticators, such as workloadProof()', 'authenticate'))
    .min(1, 'list at least one authenticator, or leave the option out')
    .optional(),
  mode: z.enum(['enforce', 'observe'], "give 'enforce' or 'observe'").optional(),
  seal: z.enum(['optional', 'required'], "give 'optional' or 'required'").optional(),
  maxBodyBytes: z.int('give a whole number of bytes').min(0).max(1_073_741_824).optional(),
  exempt: z.array(path).optional(),
  pass: z.array(z.string().regex(/^[a-z0-9-]+$/, 'give field names in lower case')).optional(),
  upgrades: z.array(z.string()).optional(),
  json: z.boolean('give true or false').optional(),
  trustedProxies: z
    .array(
      z.string().refine(isProxyName, 'write an address, a range such as 10.0.0.0/8, or the identifier of a workload'),
    )
    .optional(),
  strippedPrefix: path.refine((prefix) => !prefix.endsWith('/'), 'leave out the final slash').optional(),
}) as z.ZodType<GuardOptions>
