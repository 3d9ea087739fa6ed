import { CountersignError } from '../../core/errors.ts'
import type { ApiKeyRecord } from './record.ts'
import { readRecords } from './schema.ts'

/** Reads the text of a file of keys into records by their ids, in the order of the file. */
export function parseKeyFile(text: string): ReadonlyMap<string, ApiKeyRecord> {
  const records = new Map<string, ApiKeyRecord>()
  readRecords(JSON.parse(text)).forEach((record, i) => {
    // Condition: a file with two API keys of one id is refused.
    if (records.has(record.id)) {
      const detail = { option: `keys.${i}.id`, fix: 'its id is there already: leave one of the two out' }
      throw new CountersignError('option-invalid', { detail })
    }
    records.set(record.id, Object.freeze(record))
  })
  return records
}

/** The text of a file of keys. */
export function printKeyFile(keys: Iterable<ApiKeyRecord>): string {
  return `${JSON.stringify({ keys: [...keys] }, null, 2)}\n`
}
