import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** All files below a folder, as paths relative to the root; nothing where there is no such folder. */
export function filesBelow(root, folder, ending = '') {
  try {
    return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return filesBelow(root, path, ending)
      return path.endsWith(ending) ? [path] : []
    })
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}
