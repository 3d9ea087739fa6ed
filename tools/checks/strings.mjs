// No path of a machine, no name of a registry's host and no private key is in what git keeps.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const FORBIDDEN = new RegExp(
  [
    ['/wo', 'rk/'],
    ['/ro', 'ot/'],
    ['/ho', 'me/[a-z]'],
    ['registry\\.', 'npmjs'],
    ['BEGIN (EC |RSA )?', 'PRIVATE KEY'],
    ['\\.\\./shared/', '(design|field|standards)'],
  ]
    .map((parts) => parts.join(''))
    .join('|'),
)

export function check(root) {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
  const problems = []
  for (const path of files) {
    let text
    try {
      text = readFileSync(join(root, path), 'utf8')
    } catch {
      continue
    }
    text.split('\n').forEach((line, i) => {
      if (FORBIDDEN.test(line)) problems.push(`${path}:${i + 1} holds what does not belong here`)
    })
  }
  return problems
}
