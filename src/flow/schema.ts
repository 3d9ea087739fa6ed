import * as z from 'zod'
import type { MessageCheckOptions, MessageProofOptions } from './message-options.ts'

const audience = z.string().regex(/^[\x21-\x7e]{1,1024}$/, 'write an identifier or a name: printable, without spaces')
const payload = z.instanceof(Uint8Array, { error: 'give the bytes of the message' })
const seconds = z.int('give whole seconds').min(1, 'give at least a second').max(3600, 'give at most 3600 seconds')

export const messageProofSchema = z.strictObject({
  audience,
  payload,
  lifetimeSeconds: seconds.optional(),
}) as z.ZodType<MessageProofOptions>

export const messageCheckSchema = z.strictObject({
  payload,
  audiences: z.array(audience).optional(),
  maxLifetimeSeconds: seconds.optional(),
  once: z.boolean('give true or false').optional(),
}) as z.ZodType<MessageCheckOptions>
