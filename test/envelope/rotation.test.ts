import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { inspect } from '../../src/envelope/inspect.ts'
import { keyringFile } from '../../src/envelope/keyring-file.ts'
import { open } from '../../src/envelope/open.ts'
import { seal } from '../../src/envelope/seal.ts'
import { pattern } from './fixtures.ts'

const ROTATIONS = 6
const EVERY_MS = 1_000
/** The longest that a new version goes unnoticed: where the system tells nothing, files are looked at every 2 seconds. */
const REFRESH_MS = 2_000
/** For reading the file, on a machine that has more to do. */
const SLACK_MS = 500
const PROCESSES = 10
const EACH = 50
const context = { id: '42' }

const jwkOf = (n: number) => ({ kty: 'oct', k: toBase64url(pattern(32).with(0, n)) })

/**
 * The file after n rotations. As many keys wait as can become primary before everybody has read this version, and as many
 * still open as somebody may seal to who has not read it: two refreshes of each. What is older opens no more.
 */
function version(n: number): string {
  const keys: Record<string, unknown> = { [`k${n}`]: jwkOf(n) }
  for (let next = n + 1; next <= n + 4; next++) keys[`k${next}`] = { key: jwkOf(next), state: 'pending' }
  for (let old = Math.max(0, n - 4); old < n; old++) keys[`k${old}`] = { key: jwkOf(old), state: 'open-only' }
  return JSON.stringify({ primary: `k${n}`, keys })
}

it('rotates every second under a hundred writers and readers: none fails, none seals to what was retired', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rotation-'))
  const path = join(folder, 'keyring.json')
  // A key is retired from the moment at which a file that names another primary has its name. It was retired more than one
  // refresh before, where that moment lies more than a refresh before the seal began: then the new file had to be known.
  const retiredAt = new Map<string, number>()
  const rotateTo = async (n: number) => {
    await writeFile(`${path}.new`, version(n))
    await rename(`${path}.new`, path)
    if (n > 0) retiredAt.set(`k${n - 1}`, performance.now())
  }
  await rotateTo(0)
  // Each follows the file by itself, as processes do that share it.
  const rings = Array.from({ length: PROCESSES }, () => keyringFile(path))
  const ringOf = (index: number) => rings[index % PROCESSES] as (typeof rings)[number]
  const sealed: { kid: string; begun: number }[] = []
  const newest: Uint8Array[] = []
  let read = 0
  let isDone = false

  async function write(index: number): Promise<void> {
    while (!isDone) {
      const begun = performance.now()
      const envelope = await seal(pattern(100), { to: ringOf(index), context })
      sealed.push({ kid: inspect(envelope).kids[0]?.kid ?? '', begun })
      newest[index] = envelope
      await pause(5 + (index % 10))
    }
  }

  async function readOf(index: number): Promise<void> {
    while (!isDone) {
      const envelope = newest[index]
      // By the ring of another process, which may be ahead of the writer's, or behind.
      if (envelope !== undefined) {
        expect(await open(envelope, { with: ringOf(index + 3), context })).toHaveLength(100)
        read++
      }
      await pause(5 + (index % 7))
    }
  }

  try {
    const all = Promise.all(Array.from({ length: EACH }, (_, index) => [write(index), readOf(index)]).flat())
    // A failure is told below; until then it is nobody's.
    all.catch(() => undefined)
    for (let n = 1; n <= ROTATIONS; n++) {
      await pause(EVERY_MS)
      await rotateTo(n)
    }
    await expect.poll(() => rings.map(({ kid }) => kid), { timeout: 5_000 }).toEqual(Array(PROCESSES).fill('k6'))
    await pause(100)
    isDone = true
    await all
  } finally {
    isDone = true
    for (const ring of rings) ring.close()
    await rm(folder, { recursive: true })
  }

  const late = sealed.filter(({ kid, begun }) => {
    const retired = retiredAt.get(kid)
    return retired !== undefined && begun - retired > REFRESH_MS + SLACK_MS
  })
  expect(late).toEqual([])
  expect(new Set(sealed.map(({ kid }) => kid))).toContain('k6')
  expect(Math.min(sealed.length, read)).toBeGreaterThan(1_000)
})
