// What ships, as a stranger gets it: the packed tarball in an empty folder, imported, required, run and compiled.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
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
/** Has the installed command write the files of two services. */
const init = (...origins) => run('npx', '--no-install', 'countersign', 'init', 'acme.internal', ...origins)
const step = async (name, body) => {
  await body()
  process.stdout.write(`packed: ${name}\n`)
}

/** The programs of the quickstart that name their file, and its policy. */
function quickstartFiles() {
  const text = readFileSync(join(root, 'docs/quickstart.md'), 'utf8')
  const programs = [...text.matchAll(/```(?:ts|js)\n\/\/ ([a-z.]+)\n([\s\S]*?)```/g)].map(([, name, code]) => [
    name,
    code,
  ])
  return { programs, policy: /```json\n([\s\S]*?)```/.exec(text)[1] }
}

/** A port that is free now. */
async function freePort() {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return String(port)
}

/** Runs the two services of the quickstart as it says, on a port that is free. */
async function followQuickstart() {
  const port = await freePort()
  const { programs, policy } = quickstartFiles()
  for (const [name, code] of programs) writeFileSync(join(folder, name), code.replaceAll('8080', port))
  rmSync(join(folder, 'countersign'), { recursive: true })
  init('orders=http://localhost:1', `ledger=http://localhost:${port}`)
  const ledger = spawn(process.execPath, ['ledger.js'], { cwd: folder, stdio: ['ignore', 'pipe', 2] })
  let trail = ''
  ledger.stdout.on('data', (text) => {
    trail += text
  })
  const says = async (words) => {
    for (let i = 0; i < 200 && !trail.includes(words); i++) await new Promise((resolve) => setTimeout(resolve, 50))
    if (!trail.includes(words)) throw new Error(`the ledger never said "${words}": ${trail}`)
  }
  const calls = (name) => {
    const said = run(process.execPath, name)
    if (!said.includes('200 spiffe://acme.internal/ledger')) throw new Error(`${name} got no answer: ${said}`)
  }
  try {
    await says('workload.started')
    for (const [name] of programs.filter(([program]) => program.startsWith('orders'))) calls(name)
    writeFileSync(join(folder, 'countersign/policy.json.new'), policy)
    renameSync(join(folder, 'countersign/policy.json.new'), join(folder, 'countersign/policy.json'))
    await says('policy.changed')
    calls('orders.js')
    await says('rule=orders-may-write sealed')
  } finally {
    ledger.kill()
  }
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
  await step('installs into an empty folder', () => {
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
  await step(`imports and requires ${specifiers.length} subpaths`, () => {
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
  await step('secures calls between two services set up by the command, and refuses attacks', () => {
    init('orders=http://127.0.0.1:1', 'ledger=http://127.0.0.1:2')
    cpSync(join(root, 'test/package/packed-exchange.mjs'), join(folder, 'packed-exchange.mjs'))
    process.stdout.write(run(process.execPath, 'packed-exchange.mjs'))
  })
  await step('follows the quickstart, with import and with require', followQuickstart)
  await step('compiles the README', () => {
    mkdirSync(folder, { recursive: true })
    readmeBlocks().forEach((block, i) => {
      writeFileSync(join(folder, `readme-${i}.ts`), `${block}\nexport {}\n`)
    })
    compile(['node'])
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
