// The library compiles strictly, and all of it that names no runtime compiles without Node's types.
import { node } from '../run.mjs'

export function check(root) {
  const tsc = 'node_modules/@typescript/native/bin/tsc'
  return ['tsconfig.json', 'tools/tsconfig.neutral.json', 'test/tsconfig.json', 'examples/tsconfig.json'].flatMap(
    (project) => node(root, tsc, '--noEmit', '-p', project),
  )
}
