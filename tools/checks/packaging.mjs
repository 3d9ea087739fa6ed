// What ships: an exact kind of list, types every resolver finds, and no Node in what runs without it.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'
import { node } from '../run.mjs'

const SHIPPED = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/[a-z0-9/-]+\.(js|d\.ts))$/
const NEUTRAL = ['index', 'fetch', 'accept', 'policy', 'audit', 'envelope', 'signature', 'testing']

async function bundleProblems(root) {
  const problems = []
  for (const entry of NEUTRAL) {
    try {
      const options = {
        bundle: true,
        write: false,
        format: 'esm',
        platform: 'browser',
        conditions: ['worker', 'browser'],
        logLevel: 'silent',
      }
      const { outputFiles } = await build({ ...options, entryPoints: [join(root, `dist/${entry}.js`)], minify: true })
      const kib = Math.round((outputFiles[0]?.contents.length ?? 0) / 1024)
      process.stdout.write(`     dist/${entry}.js bundles to ${kib} KiB without Node\n`)
    } catch (error) {
      problems.push(`dist/${entry}.js does not bundle without Node: ${error.message.split('\n').slice(0, 3).join(' ')}`)
    }
  }
  return problems
}

export async function check(root) {
  const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [{ files }] = JSON.parse(listing)
  const problems = files.filter(({ path }) => !SHIPPED.test(path)).map(({ path }) => `${path} should not ship`)
  for (const path of ['LICENSE', 'README.md', 'CHANGELOG.md'])
    if (!files.some((file) => file.path === path)) problems.push(`${path} does not ship`)
  return [
    ...problems,
    ...node(root, 'node_modules/publint/src/cli.js', '--strict'),
    ...node(
      root,
      'node_modules/@arethetypeswrong/cli/dist/index.js',
      '--pack',
      '.',
      '--profile',
      'esm-only',
      '--no-emoji',
      '--no-color',
    ),
    ...(await bundleProblems(root)),
  ]
}
