// Writes docs/errors.md from the table of codes and the notes beside it.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const INTRO = `# Errors

<!-- Generated from src/core/codes.ts and docs/errors.notes.json by tools/errors-page.mjs. -->

One class, \`CountersignError\`, with a closed set of codes. The message is the sentence below; for kind \`config\` it also
names the option and the fix. What varies (step, digests, key ids, clock difference, rule) is in the audit event and in
\`error.detail\`, which is never serialized. Whoever is at the other end learns the kind and the call id, nothing else.
`

const KINDS = {
  config: 'The operator’s mistakes. Thrown at construction, or at the first call that shows them.',
  malformed: 'What arrived cannot be read in exactly one way.',
  unauthenticated: 'Nobody has proven to be the caller.',
  forbidden: 'The caller is known and may not.',
  limited: 'The caller asks too often.',
  unopened: 'One code for every reason why sealed bytes do not open.',
  unavailable: 'Not now: something this side needs is missing.',
  upstream: 'What a caller’s own side says of an answer, or of its absence.',
}

export async function errorsPage(root) {
  const { codes } = await import(pathToFileURL(join(root, 'dist/core/codes.js')).href)
  const notes = JSON.parse(readFileSync(join(root, 'docs/errors.notes.json'), 'utf8'))
  const missing = Object.keys(codes).filter((code) => notes[code] === undefined)
  const stale = Object.keys(notes).filter((code) => codes[code] === undefined)
  if (missing.length + stale.length > 0)
    throw new Error(`docs/errors.notes.json: missing ${missing.join(' ')}; unknown ${stale.join(' ')}`)
  let page = INTRO
  for (const [kind, about] of Object.entries(KINDS)) {
    const entries = Object.entries(codes).filter(([, entry]) => entry.kind === kind)
    if (entries.length === 0) continue
    page += `\n## ${kind}\n\n${about}\n`
    for (const [code, { status, retryable, sentence, problem }] of entries) {
      const told = problem === undefined ? '' : `, problem type \`${problem}\``
      page += `\n### ${code}\n\n${sentence} Status ${status}${told}${retryable ? '; worth trying again' : ''}.\n\n${notes[code]}\n`
    }
  }
  return page
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..')
  writeFileSync(join(root, 'docs/errors.md'), await errorsPage(root))
}
