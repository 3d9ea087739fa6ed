import * as z from 'zod'
import type { CallOptions, ClientOptions } from './call-options.ts'

const callShape = {
  seal: z.enum(['always', 'never', 'auto'], "give 'always', 'never' or 'auto'").optional(),
  proof: z.enum(['session', 'signature', 'proof-token'], "give 'session', 'signature' or 'proof-token'").optional(),
  call: z
    .custom<CallOptions['call']>((value) => value === null || typeof value === 'object', 'give a Call or null')
    .optional(),
  audience: z.string().min(1).optional(),
  mode: z.enum(['enforce', 'observe'], "give 'enforce' or 'observe'").optional(),
  timeoutMs: z
    .number('give milliseconds')
    .positive('give more than zero milliseconds')
    .max(2 ** 31 - 1, 'give less than 25 days: no timer waits longer')
    .optional(),
  maxAnswerBytes: z.int('give a whole number of bytes').min(0).optional(),
  dangerouslyAcceptUnboundAnswers: z.boolean().optional(),
}

/** Checks the options of one call. */
export const callOptionsSchema = z.strictObject(callShape) as z.ZodType<CallOptions>

/** Checks the options of a client. */
export const clientOptionsSchema = z.strictObject({
  ...callShape,
  peer: z.string('name the workload that is called, such as spiffe://acme.internal/ledger').min(1),
  baseUrl: z.url({ protocol: /^https?$/, error: 'give an http or https URL' }).optional(),
  bearer: z
    .custom<ClientOptions['bearer']>((value) => typeof value === 'function', 'give a function that gives { token }')
    .optional(),
}) as z.ZodType<ClientOptions>
