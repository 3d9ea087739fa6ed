import { platform } from '#platform'
import type { Code } from '../core/codes.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { systemReason } from '../core/system.ts'
import type { Source } from './source.ts'

/** Says which file is wrong. What JSON.parse or the system say may quote the file, so none of it is kept. */
function inFile(path: string, error: unknown, code: Code): CountersignError {
  if (!isCountersignError(error)) {
    return new CountersignError(code, { detail: { option: path, fix: 'write valid JSON' } })
  }
  const { option, ...rest } = error.detail
  return new CountersignError(error.code, {
    detail: { ...rest, option: option === undefined ? path : `${path} ${option}` },
  })
}

/**
 * A file that is read anew whenever it changes. `parse` gets its text and throws where it is not what it should be;
 * every error names the file. `code` is what an unreadable file or broken JSON is reported as.
 */
export function fileSource<T>(path: string, parse: (text: string) => T, code: Code = 'option-invalid'): Source<T> {
  const read = async () => {
    try {
      return await platform.readText(path)
    } catch (error) {
      if (isCountersignError(error, 'no-disk')) throw error
      // Condition: a file that cannot be read is refused.
      const reason = systemReason(error) ?? 'not UTF-8'
      throw new CountersignError(code, { detail: { option: path, fix: `it cannot be read (${reason})` } })
    }
  }
  return Object.freeze({
    async load() {
      const text = await read()
      try {
        return parse(text)
      } catch (error) {
        throw inFile(path, error, code)
      }
    },
    watch: (changed: () => void) => platform.watchFile(path, changed),
  })
}
