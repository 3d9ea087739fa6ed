import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
/** What is given by name without being called options. */
const OTHERS = ['PolicyDocument', 'PolicyRule', 'RuleConditions', 'KeyringEntry', 'AuditFilter']

/** The names in each exported interface of options, by the types themselves: what is inherited included. */
function optionsInSource(): Record<string, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const entries = readdirSync(join(root, 'src')).filter((name) => name.endsWith('.ts'))
  const paths = entries.map((name) => join(root, 'src', name))
  const program = ts.createProgram(paths, { ...options, noEmit: true })
  const checker = program.getTypeChecker()
  const found: Record<string, string[]> = {}
  for (const path of paths) {
    const file = program.getSourceFile(path)
    const module = file && checker.getSymbolAtLocation(file)
    for (const symbol of module === undefined ? [] : checker.getExportsOfModule(module)) {
      if (!symbol.name.endsWith('Options') && !OTHERS.includes(symbol.name)) continue
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      const type = checker.getDeclaredTypeOfSymbol(target)
      found[symbol.name] = checker.getPropertiesOfType(type).map(({ name }) => name)
    }
  }
  return found
}

/** The names in the first column of the table below each heading that ends in the name of an interface. */
function optionsOnPage(): Record<string, string[]> {
  const page = readFileSync(join(root, 'docs/options.md'), 'utf8')
  const found: Record<string, string[]> = {}
  for (const section of page.split(/^(?=##)/m)) {
    const [, name] = /^### .*`(\w+)`(?: in `[\w.]+`)?$/m.exec(section) ?? []
    const cells = [...section.matchAll(/^\| (`[^|]*`) \|/gm)].map(([, cell]) => cell as string)
    if (name !== undefined)
      found[name] = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, n]) => n ?? ''))
  }
  return found
}

it('has every option of every exported interface on the page of options, and no other', () => {
  const [source, page] = [optionsInSource(), optionsOnPage()]
  expect(Object.keys(source).length).toBeGreaterThan(25)
  for (const [name, options] of Object.entries(source))
    expect({ [name]: [...(page[name] ?? [])].sort() }).toEqual({ [name]: [...options].sort() })
})
