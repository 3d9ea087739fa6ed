import { utf8 } from '../../src/core/bytes.ts'
import { Fields } from '../../src/core/message.ts'
import type { MacKey } from '../../src/crypto/primitives.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import { contentDigest } from '../../src/signature/content-digest.ts'
import { readProof } from '../../src/signature/proof.ts'
import { SESSION_TAG, WIMSE_TAG } from '../../src/signature/proof-parameters.ts'
import { type ProofKey, signAnswer } from '../../src/signature/sign-proof.ts'
import type { OnTheWire } from './wire.ts'

const requestOf = ({ method, target, raw }: OnTheWire) => ({ method, target, fields: new Fields(raw) })

/** What an answer says, and by whose key. */
export interface Made {
  readonly status?: number
  readonly fields?: readonly string[]
  readonly body?: Uint8Array<ArrayBuffer>
  /** A session's id and a key of it. */
  readonly by: { readonly id: string; readonly key: MacKey } | Workload
}

/** An answer as whoever holds some key can make it, bound to a request. */
export async function answerTo(message: OnTheWire, made: Made): Promise<HttpAnswer> {
  const { status = 200, body = utf8('ok'), by } = made
  const request = requestOf(message)
  const requestProof = readProof(request.fields, 'request')
  if (requestProof === undefined) throw new Error('the request carries no proof')
  const raw = [...(made.fields ?? []), 'Content-Digest', await contentDigest(body)]
  const shared = { created: 1, expires: 61, signResponse: false, requestNonce: requestProof.parameters.nonce }
  let how: ProofKey & { parameters: Parameters<typeof signAnswer>[0]['parameters'] }
  if ('key' in by) {
    how = { macKey: by.key, parameters: { ...shared, nonce: '', tag: SESSION_TAG, keyid: by.id } }
  } else {
    const { token, signingKey } = await engineOf(by).credentials.current()
    raw.push('Workload-Identity-Token', token)
    how = { signingKey, parameters: { ...shared, nonce: 'n'.repeat(22), tag: WIMSE_TAG } }
  }
  const response = { status, fields: new Fields(raw) }
  const signed = await signAnswer({ response, request, requestProof, ...how })
  return { status, fields: response.fields.with(signed.fields), body }
}
