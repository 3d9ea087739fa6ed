// What a claim costs in an empty memory and in one that is full of nonces.

import { randomBytes } from 'node:crypto'
import { memoryReplay } from 'countersign'
import { answering, given } from '../answering.mjs'

const WARM_UP = 8
const OWNERS = 100
const expiresAt = Date.now() + 3_600_000
let last = 0
const nameOfNext = () =>
  `spiffe://bench.internal/ledger spiffe://bench.internal/caller-${last++ % OWNERS} ${randomBytes(16).toString('base64url')}`

const namesOf = (count) => Array.from({ length: count }, nameOfNext)

/** Claims names that are made before; gives microseconds a claim. */
function claimAll(store, names) {
  const began = performance.now()
  for (const name of names) if (store.claim(name, expiresAt) !== 'fresh') throw new Error('seen before')
  return ((performance.now() - began) * 1000) / names.length
}

const full = memoryReplay({ maxClaims: 2 * given.nonces })
for (let filled = 0; filled < given.nonces; filled += 1000) claimAll(full, namesOf(1000))
const bytesPerNonce = full.bytes / full.size

function round(size) {
  const empty = memoryReplay()
  // Tables that grow from nothing are not what is compared: both stores have their first room.
  claimAll(empty, namesOf(1))
  return { 'claim few': claimAll(empty, namesOf(size)), 'claim many': claimAll(full, namesOf(size)) }
}

function run({ rounds: count, batch: size }) {
  for (let i = 0; i < WARM_UP; i++) round(size)
  return { rounds: Array.from({ length: count }, () => round(size)), bytesPerNonce }
}

answering({ run })
