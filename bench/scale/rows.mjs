// Cost and memory as peers and nonces grow.
import { runOnce } from '../child.mjs'
import { median, sidesOf } from '../statistics.mjs'
import { measureSessionMemory } from './session-memory.mjs'

/** What grows has to cost at most 15 % more. */
const WITHIN = { better: 'less', floor: 1.15, goal: 1.15 }

function growth(label, name, rounds) {
  return { label, bounds: WITHIN, values: rounds.map((round) => round[`${name} many`] / round[`${name} few`]) }
}

/** What a claim among many costs more than one among few, added to the cheapest call there is: one of a session. */
function byClaims(claims, calls) {
  const call = median(calls.map((round) => round['callee few']))
  return claims.map((round) => 1 + (round['claim many'] - round['claim few']) / call)
}

const scale = {
  name: 'scale',
  title: 'Growth: peers and remembered nonces',
  equal:
    'Sessions in both; the same batch of calls, spread over the peers at random, without sockets (the Fetch adapter), callee and caller timed apart. Claims with names made before. Memory: a node:http server process before and after each caller has opened its session.',
  async run(effort) {
    const { peers, nonces } = effort
    const calls = await runOnce('scale/peers.mjs', { peers }, effort)
    const { rounds: claims, bytesPerNonce } = await runOnce('scale/nonces.mjs', { nonces }, effort)
    const { heap, resident } = await measureSessionMemory(peers)
    const remembered = `1 → ${nonces.toLocaleString('en')} nonces`
    const grown = `10 → ${peers.toLocaleString('en')} peers`
    return {
      sides: { ...sidesOf(calls), ...sidesOf(claims) },
      figures: [
        growth(`cost of a call, callee, ${grown}`, 'callee', calls),
        growth(`cost of a call, caller, ${grown}`, 'caller', calls),
        { label: `cost of a call, callee, ${remembered}`, bounds: WITHIN, values: byClaims(claims, calls) },
        { ...growth(`cost of a claim alone, ${remembered}`, 'claim', claims), bounds: undefined },
        { label: 'a session on the server, heap', unit: 'bytes', values: [heap] },
        { label: 'a session on the server, resident', unit: 'bytes', values: [resident] },
        { label: 'a nonce', unit: 'bytes', values: [bytesPerNonce] },
      ],
    }
  },
}

export const scaleRows = [scale]
