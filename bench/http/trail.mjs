// Reads what the sides wrote down: a bench whose calls were not all audited, or proven otherwise than it says, lies.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Calls of one side by the proof that they came with, and everything else that is no good news. */
async function countEvents(path) {
  const proofs = {}
  const trouble = {}
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const event = JSON.parse(line)
    if (event.type === 'call' && event.code === undefined && event.path === '/entries') {
      const name = `${event.authenticatedBy}${event.sealed === true ? ' sealed' : ''}`
      proofs[name] = (proofs[name] ?? 0) + 1
    } else if (event.code !== undefined || event.type.startsWith('audit.')) {
      const name = event.code ?? event.type
      trouble[name] = (trouble[name] ?? 0) + (event.count ?? 1)
    }
  }
  return { proofs, trouble }
}

/** Throws unless each of the sides has written one event for each of the calls, with the proof that was to be measured. */
export async function checkTrails(folder, { trails, calls, proof, sealed }) {
  const expected = `${proof}${sealed ? ' sealed' : ''}`
  for (const side of trails) {
    const { proofs, trouble } = await countEvents(join(folder, `${side}.ndjson`))
    const counted = proofs[expected] ?? 0
    const others = Object.values(proofs).reduce((sum, count) => sum + count, 0) - counted
    // The first calls of a client may go by signature, or plain, while the handshake is under way.
    if (counted + others !== calls || others > 64 || Object.keys(trouble).length > 0) {
      const found = JSON.stringify({ proofs, trouble })
      throw new Error(`${side} has not written down ${calls} calls by ${expected}: ${found}`)
    }
  }
}
