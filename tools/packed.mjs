// What ships, as a stranger gets it: the packed tarball in an empty folder, imported, required, run and compiled.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { exports, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const subpaths = Object.keys(exports).filter((path) => path !== './package.json')
const specifiers = subpaths.map((path) => path.replace('.', 'countersign'))
const folder = mkdtempSync(join(tmpdir(), 'countersign-packed-'))
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] })
const step = (name, body) => {
  body()
  process.stdout.write(`packed: ${name}\n`)
}

/** The TypeScript blocks of the README that stand for whole files. */
function readmeBlocks() {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1])
}

function compile(types) {
  const compilerOptions = {
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    target: 'ES2022',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  run(process.execPath, join(root, 'node_modules/@typescript/native/bin/tsc'), '-p', '.')
}

try {
  step('installs into an empty folder', () => {
    const [{ filename }] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
    const packages = ['express', 'undici', '@types/express', '@types/node'].map(
      (name) => `${name}@${devDependencies[name]}`,
    )
    run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`, ...packages)
  })
  step(`imports and requires ${specifiers.length} subpaths`, () => {
    for (const specifier of specifiers) {
      run(
        process.execPath,
        '--input-type=module',
        '-e',
        `const m = await import('${specifier}'); if (Object.keys(m).length === 0) process.exit(1)`,
      )
      run(
        process.execPath,
        '--no-warnings',
        '--input-type=commonjs',
        '-e',
        `if (Object.keys(require('${specifier}')).length === 0) process.exit(1)`,
      )
    }
  })
  step('secures calls between two services set up by the command, and refuses attacks', () => {
    run(
      'npx',
      '--no-install',
      'countersign',
      'init',
      'acme.internal',
      'orders=http://127.0.0.1:1',
      'ledger=http://127.0.0.1:2',
    )
    cpSync(join(root, 'test/package/packed-exchange.mjs'), join(folder, 'packed-exchange.mjs'))
    process.stdout.write(run(process.execPath, 'packed-exchange.mjs'))
  })
  step('compiles the README', () => {
    mkdirSync(folder, { recursive: true })
    readmeBlocks().forEach((block, i) => {
      writeFileSync(join(folder, `readme-${i}.ts`), `${block}\nexport {}\n`)
    })
    compile(['node'])
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
