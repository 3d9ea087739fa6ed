import type { EnvelopeContext } from './context.ts'

// The keys are those of the wire format ("Sealed bodies", Context), which for calls win over SVE1 §10.4: sender and
// receiver are the two proven identifiers, and method and target stand beside them instead of a URL in "aud".

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

function sharedContext({ method, target, sender, receiver, contentType }: SealedRequest): Record<string, string> {
  return { method, target, sub: sender, aud: receiver, ct: contentType }
}

/** The context of a sealed request body. */
export function requestContext(request: SealedRequest): EnvelopeContext {
  return { ...sharedContext(request), dir: 'req', 'sig-nonce': request.callName }
}

/** The context of a sealed answer body. */
export function answerContext(answer: SealedAnswer): EnvelopeContext {
  return { ...sharedContext(answer), dir: 'res', 'req-nonce': answer.callName, status: String(answer.status) }
}
