import { CountersignError } from './errors.ts'

/** What the codes mean that operators meet. */
const REASONS: Readonly<Record<string, string>> = Object.freeze({
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EEXIST: 'something of this name is there already',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the disk is read-only',
  EPIPE: 'nobody reads it any more',
})

/** What the system says of a file or pipe: its code, and what that means. Nothing of what is in the file. */
export function systemReason(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code !== 'string') return undefined
  return Object.hasOwn(REASONS, code) ? `${code}: ${REASONS[code]}` : code
}

/** Names the file or pipe that the system cannot do something with; everything else stays what it is. */
export function naming(name: string, error: unknown, what: 'read' | 'written'): unknown {
  const reason = error instanceof Error && 'syscall' in error ? systemReason(error) : undefined
  if (reason === undefined) return error
  const detail = { option: name, fix: `it cannot be ${what} (${reason})` }
  return new CountersignError('option-invalid', { cause: error, detail })
}
