import * as z from 'zod'

const momentSchema = z.iso.datetime({ offset: true })

/** A moment as epoch milliseconds; undefined where it does not exist or has no offset. */
export function readMoment(text: string): number | undefined {
  return momentSchema.safeParse(text).success ? Date.parse(text) : undefined
}
