import { advance } from '../../core/advance.ts'
import type { Bytes } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { checkContentDigest } from '../../signature/content-digest.ts'
import { isTokenProof } from '../../signature/token-proof.ts'
import type { GuardSettings } from './guard-settings.ts'
import { isParsed } from './json.ts'
import type { Authorized, Read } from './stages.ts'

/** Reads the body of a caller who may send one, and compares it with what was signed. */
export function read(guard: GuardSettings, call: Authorized): MaybePromise<Read> {
  const digest = call.proof?.covers('content-digest') === true ? call.request.fields.get('content-digest') : undefined
  if (!call.arrival.announcesBody && digest === undefined) return advance(call, { bytes: undefined })
  if (isStreamed(guard, call)) return advance(call, { bytes: undefined })
  const use = isParsed(guard, call) ? 'parse' : 'replay'
  return andThen(call.arrival.readBody(guard.maxBodyBytes, use), (bytes) => compare(call, digest, bytes))
}

/**
 * Whether the body is opened while its handler reads it: what is parsed here is read here, as a whole. Whether it may be
 * opened at all is found out before anything of it is read.
 */
export function isStreamed(guard: GuardSettings, call: Pick<Authorized, 'announced' | 'arrival'>): boolean {
  const isOffered = call.announced.head !== undefined && call.arrival.streamBody !== undefined
  return isOffered && !isParsed(guard, call)
}

function compare(call: Authorized, digest: string | undefined, bytes: Bytes | 'too-large'): MaybePromise<Read> {
  // Condition: a body that is larger than the limit is refused.
  if (bytes === 'too-large') throw new CountersignError('body-too-large', { detail: { step: 'body' } })
  if (call.token === undefined) return advance(call, { bytes })
  // A proof token covers no body, unless it says so: the rule that lets it pass has agreed to that.
  if (call.proof !== undefined && isTokenProof(call.proof) && digest === undefined) return advance(call, { bytes })
  // The head of its envelope, which the signature covers, names this body: to open it is to compare it.
  if (call.announced.head !== undefined) return advance(call, { bytes })
  if (digest === undefined) {
    // Condition: a proven request whose signature covers no digest may not carry one byte of a body.
    if (bytes.length > 0) throw new CountersignError('body-unannounced', { detail: { step: 'body' } })
    return advance(call, { bytes: undefined })
  }
  // Condition: a body that is not the one that was signed is refused.
  return andThen(checkContentDigest(digest, bytes), () => advance(call, { bytes }))
}
