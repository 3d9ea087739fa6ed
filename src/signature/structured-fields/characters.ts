/** The character classes of RFC 9651 and RFC 9110, one bit each. */
export const DIGIT = 1
export const KEY_START = 2
export const KEY = 4
export const TOKEN_START = 8
export const TOKEN = 16
/** Lower-case hexadecimal, the only kind a Display String takes. */
export const HEX = 32
/** A field name in lower case. */
export const FIELD_NAME = 64

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const DIGITS = '0123456789'
const TCHAR_MARKS = "!#$%&'*+-.^_`|~"

const classes = new Uint8Array(128)

function put(characters: string, bits: number): void {
  for (let i = 0; i < characters.length; i++) {
    const code = characters.charCodeAt(i)
    classes[code] = (classes[code] as number) | bits
  }
}

put(DIGITS, DIGIT | KEY | TOKEN | HEX | FIELD_NAME)
put(LOWER, KEY_START | KEY | TOKEN_START | TOKEN | FIELD_NAME)
put(UPPER, TOKEN_START | TOKEN)
put('abcdef', HEX)
put('*', KEY_START | TOKEN_START)
put('_-.*', KEY)
put(TCHAR_MARKS, TOKEN | FIELD_NAME)
put(':/', TOKEN)

/** Whether a character code is of a class; the code beyond the end of a text, NaN, is of none. */
export function isOf(code: number, bits: number): boolean {
  return code < 128 && ((classes[code] as number) & bits) !== 0
}

/** Whether a text is not empty and all of a class. */
export function isAllOf(text: string, bits: number): boolean {
  for (let i = 0; i < text.length; i++) if (!isOf(text.charCodeAt(i), bits)) return false
  return text !== ''
}
