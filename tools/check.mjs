// npm run check: every rule of the house that a script can hold. Each check gives a list of problems; none means it holds.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const wanted = process.argv.slice(2)
let failed = 0
for (const file of readdirSync(join(root, 'tools/checks')).sort()) {
  const name = file.replace('.mjs', '')
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const { check } = await import(`./checks/${file}`)
  const problems = await check(root)
  process.stdout.write(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name}\n`)
  for (const problem of problems) process.stdout.write(`       ${problem}\n`)
  if (problems.length > 0) failed++
}
process.exitCode = failed === 0 ? 0 : 1
