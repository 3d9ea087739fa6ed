// Nothing is exported, and no file is kept, that nobody uses.
import { node } from '../run.mjs'

export function check(root) {
  return node(root, 'node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints')
}
