// Sets up a fresh machine: dependencies, dist/, build/examples. Does nothing where nothing has changed.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamps = join(root, 'node_modules', '.countersign')

function filesBelow(path) {
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    const inner = join(path, entry.name)
    return entry.isDirectory() ? filesBelow(inner) : [inner]
  })
}

function digestOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths.sort())
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex')
}

function step(name, { inputs, output, run }) {
  const digest = digestOf(inputs)
  const stamp = join(stamps, name)
  if (existsSync(join(root, output)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  process.stderr.write(`setup: ${name}\n`)
  run()
  mkdirSync(stamps, { recursive: true })
  writeFileSync(stamp, digest)
}

const tsc = (project) =>
  execFileSync(process.execPath, [join(root, 'node_modules/@typescript/native/bin/tsc'), '-p', project], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })

try {
  step('dependencies', {
    inputs: ['package-lock.json'],
    output: 'node_modules',
    run: () =>
      execFileSync('npm', ['ci', '--no-audit', '--no-fund'], {
        cwd: root,
        stdio: ['ignore', 2, 2],
        shell: process.platform === 'win32',
      }),
  })
  step('dist', {
    inputs: ['tsconfig.json', 'package.json', ...filesBelow('src')],
    output: 'dist',
    run() {
      rmSync(join(root, 'dist'), { recursive: true, force: true })
      tsc('tsconfig.json')
    },
  })
  step('examples', {
    inputs: ['tsconfig.json', ...filesBelow('src'), ...filesBelow('examples')],
    output: 'build/examples',
    run() {
      rmSync(join(root, 'build/examples'), { recursive: true, force: true })
      tsc('examples/tsconfig.json')
    },
  })
} catch (error) {
  process.stderr.write(`setup failed: ${error.message}\n`)
  process.exit(1)
}
