// Control characters, line and paragraph separators, all that steers direction or shows nothing, lone surrogates, private
// use. Unassigned code points stay: what is one depends on the age of the runtime, and readers differ from writers.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu
const REPLACEMENT = '\ufffd'
const ELLIPSIS = '…'

/** Brings a text into a form that stays on its line and shows what it is, at most `limit` characters long. */
export function plainText(text: string, limit: number): string {
  const isCut = text.length > limit
  const kept = isCut ? text.slice(0, limit - 1) : text
  // Condition: a character that could forge or hide a line never reaches an event.
  const shown = isPrintableAscii(kept) ? kept : kept.replace(HIDDEN, REPLACEMENT)
  return isCut ? shown + ELLIPSIS : shown
}

/** Tells whether a text is already in that form, whatever its length. */
export function isPlainText(text: string): boolean {
  return isPrintableAscii(text) || text.search(HIDDEN) === -1
}

function isPrintableAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}
