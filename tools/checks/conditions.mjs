// Every guard is a sentence, and every sentence is the title of the one test that proves it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow } from '../files.mjs'

const TITLE =
  /(?:\b(?:it|test)(?:\.\w+(?:\([^)]*\))?)?|^\s*\]\))\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`([^`]*)`)/gm

export function conditionsIn(text) {
  return [...text.matchAll(/\/\/ Condition: (.*)$/gm)].map((match) => match[1])
}

export function titlesIn(text) {
  return [...text.matchAll(TITLE)].map((match) => (match[1] ?? match[2] ?? match[3]).replace(/\\(.)/g, '$1'))
}

export function check(root) {
  const problems = []
  const titles = new Map()
  for (const path of filesBelow(root, 'test', '.ts')) {
    for (const title of titlesIn(readFileSync(join(root, path), 'utf8')))
      titles.set(title, [...(titles.get(title) ?? []), path])
  }
  const seen = new Map()
  for (const path of filesBelow(root, 'src', '.ts')) {
    for (const sentence of conditionsIn(readFileSync(join(root, path), 'utf8'))) {
      if (!sentence.endsWith('.')) problems.push(`${path}: "${sentence}" is no sentence`)
      if (seen.has(sentence)) problems.push(`${path}: "${sentence}" stands in ${seen.get(sentence)}, too`)
      seen.set(sentence, path)
      const tests = titles.get(sentence.replace(/\.$/, '')) ?? []
      if (tests.length === 0) problems.push(`${path}: no test is titled "${sentence}"`)
      if (tests.length > 1)
        problems.push(`${path}: ${tests.length} tests are titled "${sentence}": ${tests.join(', ')}`)
    }
  }
  process.stdout.write(`     ${seen.size} conditions\n`)
  return problems
}
