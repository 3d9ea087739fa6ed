import { advance } from '../../core/advance.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import type { Fields, HttpRequest } from '../../core/message.ts'
import { contentDigest } from '../../signature/content-digest.ts'
import { tagFor } from '../../signature/proof-parameters.ts'
import { type ProofKey, signRequest } from '../../signature/sign-proof.ts'
import type { Engine } from '../engine.ts'
import { signByToken } from './sign-by-token.ts'
import type { Sealed, Signed } from './stages.ts'
import { nextTraceparent } from './trace-context.ts'

/** Signs what travels: everything the application set, the body by its digest, for this peer, once. */
export function sign(engine: Engine, call: Sealed): MaybePromise<Signed> {
  const { bytes } = call
  // A call of the library's own asks for what only a signature gets.
  if (call.options.proof === 'proof-token' && call.isOwn !== true)
    return signByToken(engine, call, fieldsToSign(call, undefined, undefined))
  return andThen(signer(engine, call), (by) =>
    andThen(bytes === undefined || bytes.length === 0 ? undefined : contentDigest(bytes), (digest) =>
      signAs(call, by, fieldsToSign(call, by.token, digest)),
    ),
  )
}

/** All that travels: what the application set, and what the library adds. */
function fieldsToSign(call: Sealed, token: string | undefined, digest: string | undefined): Fields {
  const own: Record<string, string> = advance({ 'accept-encoding': 'identity' }, call.sealedFields)
  if (token !== undefined) own['workload-identity-token'] = token
  if (!call.fields.has('accept')) own.accept = '*/*'
  if (!call.fields.has('traceparent')) own.traceparent = nextTraceparent(call.parent?.traceparent)
  if (digest !== undefined) own['content-digest'] = digest
  return call.fields.with(own)
}

function signAs(call: Sealed, { key, named }: Signer, fields: Fields): MaybePromise<Signed> {
  const { method, target } = call
  const request: HttpRequest = { method, target: target.target, fields }
  const { created, expires } = call
  const { nonce, tag, keyid } = named
  const audience = call.options.audience ?? call.peer
  const parameters = { created, expires, nonce, tag, keyid, audience, signResponse: true }
  return andThen(signRequest({ request, parameters, ...key }), ({ fields: own, proof }) => {
    const proven = fields.and(['signature-input', own['signature-input'], 'signature', own.signature])
    return advance(call, { request: { method, target: target.target, fields: proven }, proof })
  })
}

interface Signer {
  readonly token: string | undefined
  readonly key: ProofKey
  /** What names key and call. */
  readonly named: { readonly nonce: string; readonly tag: string; readonly keyid?: string | undefined }
}

function signer(engine: Engine, { session, name, upload }: Sealed): MaybePromise<Signer> {
  const tag = tagFor({ isSession: session !== undefined, isStream: upload !== undefined })
  if (session === undefined) {
    return andThen(engine.credentials.current(), ({ token, signingKey }) => ({
      token,
      key: { signingKey },
      named: { nonce: name, tag },
    }))
  }
  const { id, keys } = session
  const nonce = name.slice(id.length + 1)
  return { token: undefined, key: { macKey: keys.clientMac }, named: { nonce, tag, keyid: id } }
}
