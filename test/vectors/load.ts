import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'vitest'

const folder = process.env.COUNTERSIGN_VECTORS

/** Reads a file of public vectors; undefined where the runner was given no folder of them. */
export function vectorFile(name: string): unknown | undefined {
  if (folder === undefined || folder === '') return undefined
  const path = join(folder, name)
  if (!existsSync(path)) throw new Error(`COUNTERSIGN_VECTORS has no ${name}`)
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** `it` where public vectors were given; else a test that is skipped out loud. */
export const vectorIt = folder === undefined || folder === '' ? it.skip : it
