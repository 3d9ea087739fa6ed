// What a call costs with few peers and with many: the one who is called and the caller, each timed alone.
import { answering, given } from '../answering.mjs'
import { createWorld } from './world.mjs'

const WARM_UP = 8
const worlds = { few: await createWorld(Math.min(10, given.peers)), many: await createWorld(given.peers) }

/** A batch of calls; `make` starts one. Gives microseconds a call: of the callers, and of those who are called. */
async function batch({ wire, proofs }, make, size) {
  proofs.clear()
  wire.hold()
  const began = performance.now()
  const calls = Array.from({ length: size }, make)
  const requests = await wire.takeAll(size)
  const signed = performance.now()
  const answers = []
  for (const { request } of requests) answers.push(await wire.deliver(request))
  const handled = performance.now()
  for (const [i, { resolve }] of requests.entries()) resolve(answers[i])
  await Promise.all(calls)
  const verified = performance.now()
  if (proofs.get('session') !== size) throw new Error(`not all by session: ${JSON.stringify([...proofs])}`)
  const us = (ms) => (ms * 1000) / size
  return { caller: us(signed - began + verified - handled), callee: us(handled - signed) }
}

async function round(size) {
  const measured = {}
  for (const [name, world] of Object.entries(worlds)) {
    measured[`callee ${name}`] = (await batch(world, world.callHub, size)).callee
    measured[`caller ${name}`] = (await batch(world, world.callPeer, size)).caller
  }
  return measured
}

async function run({ rounds: count, batch: size }) {
  for (let i = 0; i < WARM_UP; i++) await round(size)
  const rounds = []
  for (let i = 0; i < count; i++) rounds.push(await round(size))
  return rounds
}

answering({ run })
