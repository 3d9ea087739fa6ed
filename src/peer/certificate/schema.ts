import * as z from 'zod'
import type { ClientCertificateOptions } from './client-certificate-options.ts'

/** Checks the options of `clientCertificate`. */
export const clientCertificateSchema: z.ZodType<ClientCertificateOptions> = z.strictObject({
  from: z.enum(['connection', 'client-cert', 'x-forwarded-client-cert']).optional(),
  dangerouslyBelieveProxy: z.boolean('give true or false').optional(),
})
