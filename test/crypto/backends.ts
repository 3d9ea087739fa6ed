import { primitives as node } from '../../src/crypto/node.ts'
import type { Primitives } from '../../src/crypto/primitives.ts'
import { createWebPrimitives, primitives as web } from '../../src/crypto/web.ts'

/** WebCrypto as in a runtime that has neither Ed25519 nor X25519. */
export const withoutCurves = createWebPrimitives(() => false)

/** Every implementation of the primitives: what holds for one holds for all. */
export const backends: readonly (readonly [string, Primitives])[] = [
  ['node', node],
  ['web', web],
  ['web without curves', withoutCurves],
]

export { node, web }
