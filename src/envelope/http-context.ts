import type { EnvelopeContext } from './context.ts'

// The keys are those of the wire format ("Sealed bodies", Context), which for calls win over SVE1 §10.4: sender and
// receiver are the two proven identifiers, and method and target stand beside them instead of a URL in "aud". They are
// written in the order of their encoding, so that nothing has to be sorted.

/** What both sides of a call know of the body of its request. */
export interface SealedRequest {
  readonly method: string
  readonly target: string
  /** The identifier of who sealed the body. */
  readonly sender: string
  /** The identifier of who opens it. */
  readonly receiver: string
  /** The inner media type. */
  readonly contentType: string
  /** The call's name: the nonce of the request's signature. */
  readonly callName: string
}

/** What both sides of a call know of the body of its answer: the sender is the one who answers. */
export interface SealedAnswer extends SealedRequest {
  readonly status: number
}

/** The context of a sealed request body. */
export function requestContext(request: SealedRequest): EnvelopeContext {
  const { method, target, sender, receiver, contentType, callName } = request
  return { aud: receiver, ct: contentType, dir: 'req', method, 'sig-nonce': callName, sub: sender, target }
}

/** The context of a sealed answer body. */
export function answerContext(answer: SealedAnswer): EnvelopeContext {
  const { method, target, sender, receiver, contentType, callName } = answer
  const status = String(answer.status)
  return { aud: receiver, ct: contentType, dir: 'res', method, 'req-nonce': callName, status, sub: sender, target }
}
