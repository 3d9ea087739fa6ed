import type { AuditEvent } from './event.ts'
import { isPlainText, plainText } from './plain-text.ts'

const RED = '\u001b[31m'
const DEFAULT_COLOR = '\u001b[39m'
const MAX_VALUE = 2048

/** Says an event in one line. A value that has spaces stands in quotes, so that none can pass for two. */
export function auditLine(event: AuditEvent, options: { readonly color: boolean }): string {
  const verdict = verdictOf(event)
  const isBad = verdict === 'DENIED' || verdict === 'FAILED'
  const words = event.type === 'call' ? callWords(event) : [event.type, word(event.workload)]
  const line = [event.time, (event.side ?? '-').padEnd(6), verdict.padEnd(8), ...words, ...facts(event)].join(' ')
  return isBad && options.color ? RED + line + DEFAULT_COLOR : line
}

function verdictOf(event: AuditEvent): string {
  if (event.type !== 'call') return isTrouble(event) ? 'FAILED' : '-'
  if (event.observed === true) return 'OBSERVED'
  if (event.effect === 'deny') return 'DENIED'
  return event.code === undefined ? 'ok' : 'FAILED'
}

function isTrouble({ type }: AuditEvent): boolean {
  return type.endsWith('.rejected') || type === 'audit.dropped' || type === 'audit.sink-failed'
}

/** In the direction of the call: who called what here, or what was called where. */
function callWords(event: AuditEvent): string[] {
  const target = [word(event.method ?? '?'), word(event.path ?? '?')]
  const peer = word(event.peer ?? '?')
  return event.side === 'caller' ? [...target, '→', peer] : [peer, '→', ...target]
}

function facts(event: AuditEvent): string[] {
  const words: string[] = []
  if (event.status !== undefined) words.push(String(event.status))
  const named = { rule: event.rule, code: event.code, step: event.step, name: event.name, count: event.count }
  for (const [name, fact] of Object.entries(named)) if (fact !== undefined) words.push(`${name}=${word(String(fact))}`)
  if (event.sealed === true) words.push('sealed')
  if (event.durationMs !== undefined) words.push(`${event.durationMs.toFixed(1)}ms`)
  if (event.note !== undefined) words.push(`note=${word(event.note)}`)
  return words
}

function word(text: string): string {
  const shown = isPlainText(text) ? text : plainText(text, MAX_VALUE)
  return /[\s"=]/.test(shown) ? JSON.stringify(shown) : shown
}
