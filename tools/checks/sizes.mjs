// Files of at most 300 lines, functions of at most 50; the medians are told.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { filesBelow } from '../files.mjs'

const MAX_FILE = 300
const MAX_FUNCTION = 50
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? 0

function functionsOf(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found = []
  const line = (position) => source.getLineAndCharacterOfPosition(position).line + 1
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body !== undefined) {
      const start = line(node.getStart())
      found.push({ start, lines: line(node.end) - start + 1 })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

export function check(root) {
  const problems = []
  const files = []
  const functions = []
  for (const path of filesBelow(root, 'src', '.ts')) {
    const text = readFileSync(join(root, path), 'utf8')
    const lines = text.split('\n').length - 1
    files.push(lines)
    if (lines > MAX_FILE) problems.push(`${path} has ${lines} lines`)
    for (const { start, lines: length } of functionsOf(path, text)) {
      functions.push(length)
      if (length > MAX_FUNCTION) problems.push(`${path}:${start} is a function of ${length} lines`)
    }
  }
  process.stdout.write(
    `     ${files.length} files, median ${median(files)} lines; ${functions.length} functions, median ${median(functions)}\n`,
  )
  return problems
}
