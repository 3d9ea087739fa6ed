// The lock file is whole: `npm ci` on another platform finds every optional dependency that a package names.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export function check(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const problems = []
  const isThere = (from, name) => {
    for (let at = from; ; at = at.slice(0, at.lastIndexOf('/node_modules/'))) {
      if (`${at}/node_modules/${name}` in packages || (at === '' && `node_modules/${name}` in packages)) return true
      if (!at.includes('/node_modules/')) return `node_modules/${name}` in packages
    }
  }
  for (const [path, entry] of Object.entries(packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (!isThere(path, name)) problems.push(`${path || 'the project'} names ${name}, which the lock does not have`)
    }
    if (typeof entry.resolved === 'string' && entry.resolved.startsWith('http'))
      problems.push(`${path} names where it was downloaded`)
  }
  return problems
}
