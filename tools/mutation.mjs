// npm run test:mutation [folder…]: takes each guard out, one at a time, and sees that the test of its name fails.
// Works on a copy; a guard is the `if` statement that follows a `// Condition:` sentence.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { titlesIn } from './checks/conditions.mjs'
import { filesBelow } from './files.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folders = process.argv.slice(2)

/** The guards of a file: the sentence, and the text with that guard alone taken out. */
export function mutantsOf(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const mutants = []
  const visit = (node) => {
    if (ts.isIfStatement(node)) {
      const comment = text.slice(node.getFullStart(), node.getStart())
      const sentence = comment.match(/\/\/ Condition: (.*)\.$/m)?.[1]
      const { expression } = node
      if (sentence !== undefined) {
        // The expression is still evaluated, so that types narrow and names stay in use as they were.
        const taken = `${text.slice(0, expression.getStart())}(${expression.getText()}) && Number.isNaN(0)${text.slice(expression.end)}`
        mutants.push({ path, sentence, text: taken })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return mutants
}

function testsByTitle() {
  const byTitle = new Map()
  for (const path of filesBelow(root, 'test', '.test.ts')) {
    for (const title of titlesIn(readFileSync(join(root, path), 'utf8'))) byTitle.set(title, path)
  }
  return byTitle
}

function survives(copy, test, title) {
  const escaped = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/vitest.config.ts',
    '--reporter=dot',
    '--bail=1',
    test,
    '-t',
    escaped,
  ]
  return spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: 60_000 }).status === 0
}

const copy = mkdtempSync(join(tmpdir(), 'countersign-mutation-'))
for (const path of ['src', 'test', 'package.json', 'tsconfig.json'])
  cpSync(join(root, path), join(copy, path), { recursive: true })
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
const tests = testsByTitle()
let killed = 0
const survivors = []
try {
  for (const path of filesBelow(root, 'src', '.ts')) {
    if (folders.length > 0 && !folders.some((folder) => path.startsWith(`src/${folder}`))) continue
    const original = readFileSync(join(root, path), 'utf8')
    for (const { sentence, text } of mutantsOf(path, original)) {
      const test = tests.get(sentence)
      writeFileSync(join(copy, path), text)
      if (test !== undefined && !survives(copy, test, sentence)) killed++
      else {
        survivors.push(`${path}: ${sentence}`)
        process.stdout.write(`survived: ${path}: ${sentence}\n`)
      }
    }
    writeFileSync(join(copy, path), original)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
const all = killed + survivors.length
process.stdout.write(
  `${killed} of ${all} guards are missed by the test of their name when they are gone (${Math.round((100 * killed) / Math.max(all, 1))} %)\n`,
)
process.exitCode = killed >= 0.9 * all ? 0 : 1
