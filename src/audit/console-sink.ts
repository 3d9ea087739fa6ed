import { checkOptions } from '../core/options.ts'
import { auditLine } from './audit-line.ts'
import { consoleSinkOptionsSchema } from './schema.ts'
import type { AuditSink } from './sink.ts'

/** Where and how events are printed. */
export interface ConsoleSinkOptions {
  /** Default the console of the runtime. */
  readonly console?: { log(line: string): void }
  /** One readable line for each event, or its JSON; default `'text'`. */
  readonly format?: 'text' | 'json'
  /** Shows refusals in red, for a terminal; default false. */
  readonly color?: boolean
}

/**
 * Makes a sink that prints each event on a line of its own: time, side, how it ended, who called what. In text, what
 * was refused or failed stands in capitals.
 *
 * @throws `option-invalid`
 * @example
 * const orders = await createWorkload({ id, credentials, trust, audit: consoleSink({ format: 'json' }) })
 */
export function consoleSink(options: ConsoleSinkOptions = {}): AuditSink {
  const checked = checkOptions(consoleSinkOptionsSchema, options, 'console sink options')
  const { format = 'text', color = false } = checked
  const out = checked.console ?? console
  return {
    write(events) {
      for (const event of events) out.log(format === 'json' ? JSON.stringify(event) : auditLine(event, { color }))
    },
  }
}
