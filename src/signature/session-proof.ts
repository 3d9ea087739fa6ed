import type { Fields } from '../core/message.ts'
import { readComponents } from './component.ts'
import { createProof, memberOf, type Proof } from './proof.ts'
import { readParameters } from './proof-parameters.ts'
import { readSignatureFields } from './signature-fields.ts'
import { serializeParams } from './structured-fields/serialize.ts'

/** The tag of a proof by the keys of a session. */
const SESSION_TAG = 'countersign-session'

/** Finds the proof of a session, if a message has one: what a refusal is bound to. It proves nothing. */
export function readSessionProof(fields: Fields): Proof | undefined {
  if (!fields.has('signature-input')) return undefined
  const entry = readSignatureFields(fields).find(({ input }) => input.params.get('tag') === SESSION_TAG)
  if (entry === undefined) return undefined
  const { label, input, signature } = entry
  const components = readComponents(input.items, 'request')
  // The session is named by "keyid", which proofs under a token may not have.
  const params = new Map([...input.params].filter(([name]) => name !== 'keyid'))
  const parameters = readParameters(params, 'request')
  return createProof({
    label,
    components,
    parameters,
    signature,
    member: memberOf(components, serializeParams(input.params)),
  })
}
