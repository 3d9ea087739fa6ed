// npm test: types, then every test that needs nothing but Node. The last line is the count.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const run = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1

const types = run('node_modules/@typescript/native/bin/tsc', '-p', 'test/tsconfig.json')
if (types !== 0) {
  process.stdout.write('Tests: 0 passed, 1 failed, 0 skipped\n')
  process.exit(types)
}
process.exit(
  run(
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/vitest.config.ts',
    '--reporter=default',
    '--reporter=./tools/plain-line-reporter.mjs',
    ...process.argv.slice(2),
  ),
)
