// Temporary folders: they hold private keys, so they go away whatever happens.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folders = new Set()

export function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  folders.add(folder)
  return folder
}

export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}

process.on('exit', () => {
  for (const folder of folders) removeFolder(folder)
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
