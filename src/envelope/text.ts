import { fromBase64url, toBase64url } from '../core/base64url.ts'
import { fromUtf8, utf8 } from '../core/bytes.ts'
import { checkGiven } from '../core/given.ts'
import type { EnvelopeContext } from './context.ts'
import { optionInvalid } from './misuse.ts'
import { type OpenOptions, open } from './open.ts'
import { type RewrapOptions, rewrap } from './rewrap.ts'
import { type SealOptions, seal } from './seal.ts'
import { unopened } from './unopened.ts'

/** To whom, and to what the text belongs. */
export interface SealTextOptions extends SealOptions {
  /** What the text belongs to: the tenant, the table, the id of the row, the column. */
  readonly context: EnvelopeContext
}

/** By whom, and to what the text belongs. */
export interface OpenTextOptions extends OpenOptions {
  readonly context: EnvelopeContext
}

/** At rest a value without a context could be put into any other place, and would open there. */
export function checkContext(context: EnvelopeContext | undefined): void {
  // Condition: sealing at rest without a context is refused.
  if (context === undefined || Object.keys(context).length === 0) {
    throw optionInvalid('context', 'say what the value belongs to: tenant, table, id, column')
  }
}

/**
 * Seals a text into a text, for a column or a file. It opens under the very context it was sealed under alone: not in
 * another row, not in another column.
 *
 * Its length stays visible, and that it was changed: each sealing of one text gives another one.
 *
 * @returns the envelope in base64url
 * @throws {CountersignError} `option-invalid`, `key-invalid`
 * @example
 * const iban = await sealText('DE02120300000000202051', { to: keyring, context: { table: 'payees', id: '42', column: 'iban' } })
 * @see SVE1 §10.8
 */
export async function sealText(text: string, options: SealTextOptions): Promise<string> {
  checkGiven(options, 'options')
  checkContext(options.context)
  // Condition: what is sealed as a text but is not a well-formed string is refused.
  if (typeof text !== 'string' || fromUtf8(utf8(text)) !== text)
    throw optionInvalid('text', 'give a well-formed string')
  return toBase64url(await seal(utf8(text), options))
}

/**
 * Opens a text that `sealText` made. It proves that somebody who could seal to this keyring sealed it for exactly this
 * place. It does not prove that it is the newest one that was there.
 *
 * @throws {CountersignError} `unopened` for whatever is wrong with it, `option-invalid`
 * @example
 * const iban = await openText(row.iban, { with: keyring, context: { table: 'payees', id: row.id, column: 'iban' } })
 * @see SVE1 §10.8
 */
export async function openText(sealed: string, options: OpenTextOptions): Promise<string> {
  checkGiven(options, 'options')
  checkContext(options.context)
  const bytes = await open(bytesOf(sealed), options)
  try {
    return fromUtf8(bytes)
  } catch {
    // Condition: an envelope of bytes that are no text does not open as one.
    throw unopened('malformed')
  }
}

/** As `rewrap`, for what `sealText` made. */
export async function rewrapText(sealed: string, options: RewrapOptions): Promise<string> {
  return toBase64url(await rewrap(bytesOf(sealed), options))
}

function bytesOf(sealed: string): Uint8Array {
  if (typeof sealed !== 'string') throw optionInvalid('sealed', 'give a string')
  const bytes = fromBase64url(sealed)
  // Condition: a sealed text that is not base64url is refused.
  if (bytes === undefined) throw unopened('malformed')
  return bytes
}
