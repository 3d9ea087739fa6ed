// Format and lint, without a warning; and no way around the types.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow } from '../files.mjs'
import { node } from '../run.mjs'

const LOOPHOLES = /@ts-ignore|@ts-nocheck|@ts-expect-error|biome-ignore|: any\b|<any>|\bas any\b/

export function check(root) {
  const problems = node(
    root,
    'node_modules/@biomejs/biome/bin/biome',
    'ci',
    '--colors=off',
    '--error-on-warnings',
    '--max-diagnostics=30',
  )
  for (const path of filesBelow(root, 'src', '.ts')) {
    readFileSync(join(root, path), 'utf8')
      .split('\n')
      .forEach((line, i) => {
        if (LOOPHOLES.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line))
          problems.push(`${path}:${i + 1} goes around the types`)
      })
  }
  return problems
}
