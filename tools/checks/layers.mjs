// A file imports from lower layers or its own folder; packages and `node:` modules are used in their homes; no cycles.
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { filesBelow } from '../files.mjs'

const LAYERS = [
  ['core'],
  ['identity', 'crypto', 'platform'],
  ['keys', 'trust'],
  ['token', 'signature', 'session', 'envelope', 'replay', 'limit', 'policy', 'audit'],
  ['peer'],
  ['flow'],
  ['adapters', 'stores', 'workload'],
  ['gateway'],
  ['testing'],
  ['cli'],
]
const RANK = new Map(LAYERS.flatMap((folders, rank) => folders.map((folder) => [folder, rank])))
/** Bundles hold keys: the one step sideways. */
const SIDEWAYS = new Set(['trust>keys'])
const HOMES = {
  jose: /^src\/(token|trust)\//,
  tweetnacl: /^src\/crypto\/curves\.ts$|^src\/audit\/checkpoint/,
  undici: /^src\/adapters\/undici[a-z-]*\.ts$/,
  zod: /^src\/core\/options\.ts$|\/schema\.ts$/,
}
const NODE_HOME = /^src\/(crypto\/node|platform\/node|adapters\/(express|koa|node|undici)[a-z-]*)\.ts$|^src\/cli\//
const IMPORT = /^\s*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

export function importsOf(text) {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2])
}

function folderOf(path) {
  const parts = path.split('/')
  return parts.length === 2 ? 'entry' : parts[1]
}

function judge(path, specifier) {
  if (specifier === '#crypto' || specifier === '#platform') return undefined
  if (specifier.startsWith('node:'))
    return NODE_HOME.test(path) ? undefined : `${path} uses ${specifier} outside its home`
  if (!specifier.startsWith('.')) {
    const home = HOMES[specifier]
    return home?.test(path) ? undefined : `${path} uses ${specifier} outside its home`
  }
  const from = folderOf(path)
  const to = folderOf(normalize(join(dirname(path), specifier)))
  if (from === to || from === 'entry' || SIDEWAYS.has(`${from}>${to}`)) return undefined
  if (RANK.has(from) && RANK.has(to) && RANK.get(to) < RANK.get(from)) return undefined
  return `${path} imports ${specifier}: ${to} is not below ${from}`
}

function cycles(graph) {
  const state = new Map()
  const found = []
  const visit = (path, trail) => {
    state.set(path, 'open')
    for (const next of graph.get(path) ?? []) {
      if (state.get(next) === 'open') found.push(`cycle: ${[...trail.slice(trail.indexOf(next)), next].join(' → ')}`)
      else if (!state.has(next)) visit(next, [...trail, next])
    }
    state.set(path, 'done')
  }
  for (const path of graph.keys()) if (!state.has(path)) visit(path, [path])
  return found
}

export function check(root) {
  const graph = new Map()
  const problems = []
  for (const path of filesBelow(root, 'src', '.ts')) {
    const text = readFileSync(join(root, path), 'utf8')
    const specifiers = importsOf(text)
    problems.push(...specifiers.map((specifier) => judge(path, specifier)).filter((problem) => problem !== undefined))
    graph.set(
      path,
      specifiers.filter((one) => one.startsWith('.')).map((one) => normalize(join(dirname(path), one))),
    )
    const isEntry = folderOf(path) === 'entry'
    if (isEntry && /^(?!export (type )?\{| {2}|\} from|\/\/|\/\*| \*|$)/m.test(text))
      problems.push(`${path} does more than re-export`)
  }
  return [...problems, ...cycles(graph)]
}
