import { systemClock } from '../core/clock.ts'
import { KEY_ID } from '../peer/api-key/key-text.ts'
import { Misuse } from './command.ts'
import { readMoment } from './schema.ts'

export const DAY_SECONDS = 86_400
export const MOST_SECONDS: number = 366 * DAY_SECONDS
export const NEVER = 'never'

/** The id that was given, or the one in a key: of a key that was found somewhere, it is all that is needed. */
export function idOf(text: string): string {
  const id = text.startsWith('csk_') ? text.slice(4, 15) : text
  // Condition: what is neither the id of an API key nor an API key is refused, and not repeated.
  if (!KEY_ID.test(id)) throw new Misuse('give the id of a key: the 11 characters behind "csk_"')
  return id
}

/** When a key is to end. */
export function endOf(text: string | undefined): { readonly expiresAt?: number } {
  if (text === undefined || text === NEVER) return {}
  const expiresAt = readMoment(text)
  // Condition: an end of an API key that does not exist, has no offset or has passed is refused.
  if (expiresAt === undefined || expiresAt <= systemClock.now()) {
    const fix = `write a date and time that lies ahead, with an offset, such as 2099-03-01T00:00:00Z, or "${NEVER}"`
    throw new Misuse(`--expires: ${fix}`)
  }
  return { expiresAt }
}

/** How long an old key holds besides the new one. */
export function secondsOf(text = String(DAY_SECONDS)): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  // Condition: an overlap of API keys that is no number of seconds, or longer than a year, is refused.
  if (!(seconds <= MOST_SECONDS)) throw new Misuse(`--overlap: write whole seconds, at most ${MOST_SECONDS}`)
  return seconds
}

/** An option of the library as the command calls it. */
export function optionOf(option = ''): string {
  return option.includes('.scopes') ? '--scope' : '--owner'
}
