/** What a policy can name by `from: ["api-key:<owner>"]`: no asterisk, and nothing that would read as a pattern's authority. */
const OWNER = /^(?!\/\/)[\x21-\x29\x2b-\x7e]{1,128}$/
/** As RFC 6749 §3.3 spells scopes. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/

/** The last moment a date can name, in epoch milliseconds. */
export const LAST_MS = 8_640_000_000_000_000

export function isOwner(text: string): boolean {
  return OWNER.test(text)
}

export function isScope(text: string): boolean {
  return SCOPE.test(text)
}
