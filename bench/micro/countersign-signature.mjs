import { signMessage, verifyMessage } from 'countersign/signature'
import { COMPONENTS, HEADERS, REQUEST } from './message.mjs'

const headers = Object.entries(HEADERS)
const request = { ...REQUEST, headers }

/** Signs the message and verifies what came out, with all components required. */
export function signAndVerify({ signWith, verifyWith, keyid }) {
  return async () => {
    const signed = await signMessage(request, { components: COMPONENTS, key: signWith, keyid })
    await verifyMessage(
      { ...REQUEST, headers: [...headers, ...Object.entries(signed)] },
      { requiredComponents: COMPONENTS, keys: (name) => (name === keyid ? verifyWith : undefined) },
    )
  }
}
