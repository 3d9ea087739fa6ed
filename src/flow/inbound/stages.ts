import type { Bytes } from '../../core/bytes.ts'
import type { CanonicalTarget } from '../../core/canonical.ts'
import type { Code } from '../../core/codes.ts'
import type { MaybePromise } from '../../core/maybe-promise.ts'
import type { Fields, HttpRequest } from '../../core/message.ts'
import type { EnvelopeOpener } from '../../envelope/open-stream.ts'
import type { Peer } from '../../identity/peer.ts'
import type { Decision } from '../../policy/decision.ts'
import type { Proof } from '../../signature/proof.ts'
import type { VerifiedToken } from '../../token/verify-wit.ts'
import type { ShownCertificate } from '../../trust/verify-certificate.ts'
import type { AnnouncedBody } from '../envelope-field.ts'
import type { OpenSession } from '../sessions.ts'

/** A request at the door, as an adapter hands it over. Nothing is proven. */
export interface Arrival {
  readonly request: HttpRequest
  /** The address of the other end of the connection. */
  readonly address?: string | undefined
  /** The hop it came over, where that is one that is believed: `address` is then what it says. */
  readonly proxy?: string | undefined
  /** The certificate that the other end of the connection has shown. */
  certificate?(): ShownCertificate | undefined
  /** Where the guard is mounted: its own routes lie below. Empty at the root. */
  readonly mountPath: string
  /** Whether the head says that a body follows. */
  readonly announcesBody: boolean
  /**
   * Reads the body, at most so many bytes. Called once, after policy, or never. `'replay'`: the handler reads it again as
   * a stream; `'parse'`: nobody does.
   */
  readBody(maxBytes: number, use: 'replay' | 'parse'): MaybePromise<Bytes | 'too-large'>
  /**
   * Lets the handler read what the opener makes of the body, as it comes. Called once instead of `readBody`; it waits until
   * the opener has begun, and fails where it cannot. Without it a stream is read as a whole, up to the limit.
   */
  streamBody?(opener: EnvelopeOpener): Promise<Upload>
}

/** The body of a request that is opened while its handler reads it. */
export interface Upload {
  /** How many bytes were opened so far. */
  readonly bytes: number
  /** Why it came to no end. */
  readonly failure: unknown
}

/** The head could be read in exactly one way. */
export interface Parsed {
  readonly arrival: Arrival
  readonly request: HttpRequest
  readonly callId: string
  /** Monotonic, for durations. */
  readonly startedAt: number
  readonly target: CanonicalTarget
  readonly proof: Proof | undefined
  /** What observing let pass so far. */
  readonly observed: Code | undefined
  /** The body, if any, says that it is sealed; its inner media type. */
  readonly announced: AnnouncedBody
}

/** Which version of trust a caller was judged by, and how often sessions had been ended by hand by then. */
export interface Judged {
  readonly generation: number
  readonly epoch: number
}

/** Somebody has proven to be the sender, or nobody has and the peer is `anonymous`. */
export interface Authenticated extends Parsed {
  readonly peer: Peer
  readonly token: VerifiedToken | undefined
  /** The session whose keys have proven the call. */
  readonly session: OpenSession | undefined
  /** What counted when the caller was judged. */
  readonly judged: Judged
}

/** This proof was not used before, and cannot be used again. */
export interface Claimed extends Authenticated {
  readonly once: true
}

/** The policy allows the call. */
export interface Authorized extends Claimed {
  readonly decision: Decision
  /** The answer leaves sealed. */
  readonly sealAnswer: boolean
}

/** The body is the one that was signed. */
export interface Read extends Authorized {
  readonly bytes: Bytes | undefined
}

/** What the handler may see. */
export interface Opened extends Read {
  readonly body: Bytes | undefined
  /** The body where it is opened as it comes. */
  readonly upload: Upload | undefined
  readonly fields: Fields
  readonly droppedFields: readonly string[]
  /** The body as JSON, where the guard was told to parse it. */
  readonly json: { readonly value: unknown } | undefined
}

/** How far a call came: what an audit event and an answer can be made from. */
export type Reached = Parsed & Partial<Omit<Opened, keyof Parsed>>

/** Makes a call that was parsed. All that the steps add has its place from here: an object that grows is copied each time. */
export function createParsed(head: Parsed): Parsed {
  // Written out: a spread costs as much as a step.
  const call = {
    arrival: head.arrival,
    request: head.request,
    callId: head.callId,
    startedAt: head.startedAt,
    target: head.target,
    proof: head.proof,
    observed: head.observed,
    announced: head.announced,
    peer: undefined,
    token: undefined,
    session: undefined,
    judged: undefined,
    once: undefined,
    decision: undefined,
    sealAnswer: undefined,
    bytes: undefined,
    body: undefined,
    upload: undefined,
    fields: undefined,
    droppedFields: undefined,
    json: undefined,
  } satisfies Record<keyof Opened, unknown>
  return call
}
