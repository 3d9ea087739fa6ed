// Every error code is thrown by the source, asserted by a test and explained in docs/errors.md, which is up to date.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorsPage } from '../errors-page.mjs'
import { filesBelow } from '../files.mjs'

export async function check(root) {
  const { codes } = await import(join(root, 'dist/core/codes.js'))
  const textOf = (folder) =>
    filesBelow(root, folder, '.ts')
      .filter((path) => path !== 'src/core/codes.ts')
      .map((path) => readFileSync(join(root, path), 'utf8'))
      .join('\n')
  const [source, tests] = [textOf('src'), textOf('test')]
  const problems = []
  for (const code of Object.keys(codes)) {
    if (!source.includes(`'${code}'`)) problems.push(`${code} is thrown nowhere`)
    if (!tests.includes(`'${code}'`)) problems.push(`${code} is asserted by no test`)
  }
  try {
    if (readFileSync(join(root, 'docs/errors.md'), 'utf8') !== (await errorsPage(root)))
      problems.push('docs/errors.md is out of date: node tools/errors-page.mjs')
  } catch (error) {
    problems.push(error.message)
  }
  return problems
}
