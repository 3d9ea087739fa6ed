import { open, seal } from 'countersign/envelope'
import { primitives } from '../../dist/crypto/node.js'
import { sessionKeyring } from '../../dist/envelope/keyring.js'

const context = { dir: 'request', method: 'POST', target: '/entries', sub: 'spiffe://bench.internal/orders' }

/** Seals and opens by the key of one direction of a session, which only the flow can make: hence the inner imports. */
export async function sealAndOpen(plaintext, secret) {
  const keyring = sessionKeyring('session-1', await primitives.macKey(secret))
  return async () => {
    const envelope = await seal(plaintext, { to: keyring, context })
    const { length } = await open(envelope, { with: keyring, context })
    if (length !== plaintext.length) throw new Error('not opened')
  }
}
