import { advance } from '../../core/advance.ts'
import { type Steps, steps, wait } from '../../core/maybe-promise.ts'
import type { HttpRequest } from '../../core/message.ts'
import { contentDigest } from '../../signature/content-digest.ts'
import { SESSION_TAG, WIMSE_TAG } from '../../signature/proof-parameters.ts'
import { type ProofKey, signRequest } from '../../signature/sign-proof.ts'
import type { Engine } from '../engine.ts'
import type { Sealed, Signed } from './stages.ts'
import { nextTraceparent } from './trace-context.ts'

/** Signs what travels: everything the application set, the body by its digest, for this peer, once. */
export const sign = steps(function* (engine: Engine, call: Sealed): Steps<Signed> {
  const { token, key, named } = yield* signer(engine, call)
  const own: Record<string, string> = advance({ 'accept-encoding': 'identity' }, call.sealedFields)
  if (token !== undefined) own['workload-identity-token'] = token
  if (!call.fields.has('accept')) own.accept = '*/*'
  if (!call.fields.has('traceparent')) own.traceparent = nextTraceparent(call.parent?.traceparent)
  if (call.bytes !== undefined && call.bytes.length > 0) own['content-digest'] = yield* wait(contentDigest(call.bytes))
  const fields = call.fields.with(own)
  const request: HttpRequest = { method: call.method, target: call.target.target, fields }
  const { created, expires } = call
  const { nonce, tag, keyid } = named
  const audience = call.options.audience ?? call.peer
  const parameters = { created, expires, nonce, tag, keyid, audience, signResponse: true }
  const signed = yield* wait(signRequest(advance({ request, parameters }, key)))
  const proven = { method: request.method, target: request.target, fields: fields.with(signed.fields) }
  return advance(call, { request: proven, proof: signed.proof })
})

interface Signer {
  readonly token?: string
  readonly key: ProofKey
  /** What names key and call. */
  readonly named: { readonly nonce: string; readonly tag: string; readonly keyid?: string | undefined }
}

function* signer(engine: Engine, { session, name }: Sealed): Steps<Signer> {
  if (session === undefined) {
    const { token, signingKey } = yield* wait(engine.credentials.current())
    return { token, key: { signingKey }, named: { nonce: name, tag: WIMSE_TAG } }
  }
  const { id, keys } = session
  const nonce = name.slice(id.length + 1)
  return { key: { macKey: keys.clientMac }, named: { nonce, tag: SESSION_TAG, keyid: id } }
}
