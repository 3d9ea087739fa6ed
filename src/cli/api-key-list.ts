import type { ApiKeyEntry } from '../peer/api-key/record.ts'

const HEAD = ['id', 'owner', 'scopes', 'created', 'ends', 'last used', 'state']

/** Whether a key holds at a moment. */
export function stateOf({ expiresAt, revokedAt }: ApiKeyEntry, now: number): 'live' | 'revoked' | 'expired' {
  if (revokedAt !== undefined) return 'revoked'
  return expiresAt !== undefined && expiresAt <= now ? 'expired' : 'live'
}

/** A table of keys for people. */
export function tableOf(keys: readonly ApiKeyEntry[], now: number): string {
  if (keys.length === 0) return 'no keys\n'
  const rows = [HEAD, ...keys.map((key) => rowOf(key, now))]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n')
    .concat('\n')
}

function rowOf(key: ApiKeyEntry, now: number): string[] {
  const { id, owner, scopes, createdAt, expiresAt, revokedAt, lastUsedAt } = key
  const ends = revokedAt ?? expiresAt
  return [id, owner, scopes.join(' ') || '-', timeOf(createdAt), timeOf(ends), timeOf(lastUsedAt), stateOf(key, now)]
}

function timeOf(at: number | undefined): string {
  return at === undefined ? '-' : new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}
