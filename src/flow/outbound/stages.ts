import type { Bytes } from '../../core/bytes.ts'
import type { CanonicalTarget } from '../../core/canonical.ts'
import type { CountersignError } from '../../core/errors.ts'
import type { Fields, HttpRequest } from '../../core/message.ts'
import type { Peer } from '../../identity/peer.ts'
import type { Proof } from '../../signature/proof.ts'
import type { VerifiedToken } from '../../token/verify-wit.ts'
import type { ByteSource } from '../byte-source.ts'
import type { Call } from '../call-context.ts'
import type { CallUrl } from '../call-url.ts'
import type { AnnouncedBody } from '../envelope-field.ts'
import type { HttpAnswer } from '../http-answer.ts'
import type { ClientSession, Line } from '../line.ts'
import type { Passage } from '../passage.ts'
import type { CallOptions } from './call-options.ts'

/** A call as the application wants it, with the peer that has to answer. */
export interface Resolved {
  readonly url: CallUrl
  readonly target: CanonicalTarget
  readonly method: string
  readonly fields: Fields
  readonly body: Bytes | undefined
  /** A body that can be read once, as it comes. */
  readonly source?: ByteSource | undefined
  readonly peer: string
  /** Where the peer's own routes lie. */
  readonly basePath: string
  readonly signal: AbortSignal | undefined
  readonly redirect: RequestRedirect
  readonly options: CallOptions
  /** The call this one continues. */
  readonly parent: Call | undefined
  /** A call of the library's own: it carries nothing of the application, is never sealed and needs no session. */
  readonly isOwn?: boolean
}

/** How a call proves itself, and what it is called: both are settled before anything is sealed or signed. */
export interface Chosen extends Resolved {
  /** The call's name: it is never given to another call. */
  readonly name: string
  readonly created: number
  readonly expires: number
  /** What was added to our clock for this peer. */
  readonly clockOffsetSeconds: number
  /** The session whose keys prove it; without one the key of our token does. */
  readonly session: ClientSession | undefined
  readonly line: Line | undefined
}

/** What travels as the body, under the name of this attempt. */
export interface Sealed extends Chosen {
  readonly sealed: boolean
  /** The answer has to come sealed. */
  readonly wantsSealed: boolean
  readonly bytes: Bytes | undefined
  /** What travels where the body is a stream. */
  readonly upload?: Passage | undefined
  readonly sealedFields: Readonly<Record<string, string>>
}

/** A request that proves who sends it, to whom, and what. */
export interface Signed extends Sealed {
  readonly request: HttpRequest
  readonly proof: Proof
}

/** Something came back. Nothing of it is proven. */
export interface Received extends Signed {
  readonly answer: HttpAnswer
  /** The body of an answer that streams; `answer` has its head. */
  readonly download?: ByteSource | undefined
}

/** The answer comes from the peer, for this request, unchanged; or observing let it pass. */
export interface Verified extends Received {
  readonly from: Peer
  /** The token that came with the answer; none under a session. */
  readonly token: VerifiedToken | undefined
  /** What its proof covers of how the body travels; undefined where there is no proof. */
  readonly announced: AnnouncedBody | undefined
  /** Undefined where observing let an unproven answer pass. */
  readonly answerProof: Proof | undefined
  readonly observed: CountersignError | undefined
}

/** How far a call came: what an audit event can be made from. */
export type Reached = Resolved & {
  readonly [Name in Exclude<keyof Verified, keyof Resolved>]?: Verified[Name] | undefined
}

/** What makes a resolved call a chosen one. */
export type Choice = Omit<Chosen, keyof Resolved>

/**
 * Makes the call of one attempt, a value of its own: the call as it was resolved may be made again. All that the steps add
 * has its place from here: an object that grows is copied each time.
 */
export function createChosen(
  call: Resolved,
  { name, created, expires, clockOffsetSeconds, session, line }: Choice,
): Chosen {
  // Written out: a spread costs as much as a step.
  const chosen = {
    url: call.url,
    target: call.target,
    method: call.method,
    fields: call.fields,
    body: call.body,
    source: call.source,
    peer: call.peer,
    basePath: call.basePath,
    signal: call.signal,
    redirect: call.redirect,
    options: call.options,
    parent: call.parent,
    isOwn: call.isOwn === true,
    name,
    created,
    expires,
    clockOffsetSeconds,
    session,
    line,
    sealed: undefined,
    wantsSealed: undefined,
    bytes: undefined,
    upload: undefined,
    sealedFields: undefined,
    request: undefined,
    proof: undefined,
    answer: undefined,
    download: undefined,
    from: undefined,
    token: undefined,
    answerProof: undefined,
    announced: undefined,
    observed: undefined,
  } satisfies Record<keyof Verified, unknown>
  return chosen
}
