import { nowSeconds } from '../../core/clock.ts'
import type { HttpRequest } from '../../core/message.ts'
import { contentDigest } from '../../signature/content-digest.ts'
import { WIMSE_TAG } from '../../signature/proof-parameters.ts'
import { signRequest } from '../../signature/sign-proof.ts'
import type { Engine } from '../engine.ts'
import type { Sealed, Signed } from './stages.ts'
import { nextTraceparent } from './trace-context.ts'

const LIFETIME_SECONDS = 60

/** Signs what travels: everything the application set, the body by its digest, for this peer, once. */
export async function sign(engine: Engine, call: Sealed): Promise<Signed> {
  const credential = await engine.credentials.current()
  const own: Record<string, string> = {
    'accept-encoding': 'identity',
    ...call.sealedFields,
    'workload-identity-token': credential.token,
  }
  if (!call.fields.has('accept')) own.accept = '*/*'
  if (!call.fields.has('traceparent')) own.traceparent = nextTraceparent(call.parent?.traceparent)
  if (call.bytes !== undefined && call.bytes.length > 0) own['content-digest'] = await contentDigest(call.bytes)
  const fields = call.fields.with(own)
  const request: HttpRequest = { method: call.method, target: call.target.target, fields }
  const { clockOffsetSeconds } = engine.peers.of(call.peer)
  const created = nowSeconds(engine.clock) + clockOffsetSeconds
  const signed = await signRequest({
    request,
    parameters: {
      created,
      expires: created + LIFETIME_SECONDS,
      nonce: call.nonce,
      tag: WIMSE_TAG,
      audience: call.options.audience ?? call.peer,
      signResponse: true,
    },
    signingKey: credential.signingKey,
  })
  return {
    ...call,
    clockOffsetSeconds,
    request: { ...request, fields: fields.with(signed.fields) },
    proof: signed.proof,
  }
}
