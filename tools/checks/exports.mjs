// Every public name is documented, the names are those of the snapshot, and documents speak of subpaths that exist.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { filesBelow } from '../files.mjs'

const MAX_ROOT_VALUES = 30
const specifierOf = (entry) => (entry === 'index' ? 'countersign' : `countersign/${entry}`)

function exportsOf(checker, source) {
  const symbol = checker.getSymbolAtLocation(source)
  return symbol === undefined ? [] : checker.getExportsOfModule(symbol)
}

export function check(root) {
  const problems = []
  const entries = filesBelow(root, 'src', '.ts').filter((path) => path.split('/').length === 2)
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(
    entries.map((path) => join(root, path)),
    { ...options, noEmit: true },
  )
  const checker = program.getTypeChecker()
  const names = {}
  let rootValues = 0
  for (const path of entries) {
    const entry = path.slice('src/'.length, -'.ts'.length)
    const found = exportsOf(checker, program.getSourceFile(join(root, path)))
    names[specifierOf(entry)] = found.map(({ name }) => name).sort()
    for (const symbol of found) {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      if (entry === 'index' && target.flags & ts.SymbolFlags.Value) rootValues++
      if (ts.displayPartsToString(target.getDocumentationComment(checker)) === '')
        problems.push(`${path}: ${symbol.name} has no docstring`)
    }
  }
  if (rootValues > MAX_ROOT_VALUES)
    problems.push(`src/index.ts exports ${rootValues} values, more than ${MAX_ROOT_VALUES}`)
  const snapshot = JSON.parse(readFileSync(join(root, 'test/package/exports.json'), 'utf8'))
  if (JSON.stringify(snapshot) !== JSON.stringify(names)) {
    problems.push(`test/package/exports.json differs from what is exported: ${JSON.stringify(names)}`)
  }
  return [...problems, ...specifierProblems(root, Object.keys(names))]
}

function specifierProblems(root, known) {
  const problems = []
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const name of known)
    if (exports[name.replace('countersign', '.')] === undefined) problems.push(`package.json does not export ${name}`)
  const texts = [
    'README.md',
    ...filesBelow(root, 'docs', '.md'),
    ...filesBelow(root, 'src', '.ts'),
    ...filesBelow(root, 'examples', '.ts'),
  ]
  for (const path of texts) {
    for (const [, specifier] of readFileSync(join(root, path), 'utf8').matchAll(/from '(countersign[a-z/-]*)'/g)) {
      if (!known.includes(specifier)) problems.push(`${path} imports ${specifier}, which does not exist`)
    }
  }
  return problems
}
