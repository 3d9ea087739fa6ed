import { CountersignError } from '../core/errors.ts'

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** The URL of a document that others are believed by: over TLS, or not beyond this machine. */
export function remoteUrl(option: string, given: string | URL): URL {
  const url = URL.canParse(String(given)) ? new URL(String(given)) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname))
  // Condition: a document that others are believed by is not fetched without TLS, but from this machine.
  if (url === undefined || !isSafe) {
    throw new CountersignError('option-invalid', { detail: { option, fix: 'give an https URL' } })
  }
  // Condition: a URL with credentials or a fragment is refused.
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new CountersignError('option-invalid', { detail: { option, fix: 'leave out credentials and fragment' } })
  }
  return url
}
