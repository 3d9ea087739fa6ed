import { textLimits } from './event.ts'
import { plainText } from './plain-text.ts'

/** What an application may say about its own event: flat, and nothing that could hide an object with secrets in it. */
export type AuditDetail = Readonly<Record<string, string | number | boolean>>

const MAX_ENTRIES = 16
const MAX_TEXT = 256
const NAME = /^[A-Za-z0-9_.-]{1,64}$/

/** Writes the details of an application's event as one flat JSON object; what does not fit into the note is left out. */
export function noteOf(detail: AuditDetail): string {
  const entries: string[] = []
  let length = 2
  for (const name of Object.keys(detail)) {
    const value = NAME.test(name) ? jsonOf(detail[name]) : undefined
    if (value === undefined) continue
    const entry = `"${name}":${value}`
    if (length + entry.length + 1 > textLimits.note) continue
    length += entry.length + 1
    entries.push(entry)
    if (entries.length === MAX_ENTRIES) break
  }
  return `{${entries.join(',')}}`
}

function jsonOf(value: unknown): string | undefined {
  if (typeof value === 'string') return JSON.stringify(plainText(value, MAX_TEXT))
  // Condition: a nested value of the application never reaches an event.
  return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : undefined
}
