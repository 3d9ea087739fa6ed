import { spawnSync } from 'node:child_process'

/** Runs a program; gives the lines it printed where it failed, and nothing where it did not. */
export function run(root, command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64e6 })
  if (status === 0) return []
  const said = `${stdout ?? ''}${stderr ?? ''}`.split('\n').filter((line) => line.trim() !== '')
  return said.length > 0 ? said.slice(-60) : [`${command} ${args.join(' ')} failed: ${error?.message ?? status}`]
}

export const node = (root, ...args) => run(root, process.execPath, ...args)
