import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../../core/maybe-promise.ts'
import type { Put } from '../../envelope/body.ts'
import type { EnvelopeContext } from '../../envelope/context.ts'
import { answerContext } from '../../envelope/http-context.ts'
import type { Keyring } from '../../envelope/keyring.ts'
import { openBytes } from '../../envelope/open.ts'
import { EnvelopeOpener } from '../../envelope/open-stream.ts'
import type { StreamHead } from '../../envelope/stream-head.ts'
import { isProofField, isUnproven } from '../../signature/coverage.ts'
import type { ByteSource } from '../byte-source.ts'
import type { Engine } from '../engine.ts'
import type { AnnouncedBody } from '../envelope-field.ts'
import type { HttpAnswer } from '../http-answer.ts'
import { keyringOf, sessionKeyringOf } from '../keyring-of.ts'
import { Passage } from '../passage.ts'
import { PROBLEM_TYPE } from '../problem.ts'
import { DEFAULT_MAX_ANSWER_BYTES } from './send.ts'
import type { Verified } from './stages.ts'

const OURS = new Set(['workload-identity-token', 'content-digest', 'content-envelope', 'content-length'])

/** What the caller gets of an answer: the whole body, or a stream of it. */
export interface OpenedAnswer extends HttpAnswer {
  readonly stream?: Passage | undefined
}

interface Download {
  readonly announced: AnnouncedBody
  readonly head: StreamHead
  readonly download: ByteSource
}

/** Waits until the header of the envelope has turned out to be the one that was signed for: the rest is opened as it comes. */
async function openStream(
  engine: Engine,
  call: Verified,
  { announced, head, download }: Download,
): Promise<OpenedAnswer> {
  const limit = call.options.maxAnswerBytes
  const opener = new EnvelopeOpener(
    {
      with: keyringFor(engine, call),
      context: contextOf(engine, call, announced.contentType),
      ...(limit === undefined ? {} : { maxPlaintextBytes: limit }),
    },
    head,
  )
  const stream = new Passage(download, {
    push: (bytes, put) => orElse(() => opener.push(bytes, put), tooLarge),
    end: (put) => orElse(() => opener.end(put), tooLarge),
  })
  await stream.prime(() => opener.isBegun)
  return { status: call.answer.status, fields: callerFields(call, announced), body: undefined, stream }
}

/** Whoever sets a limit to an answer hears of that, and not of an envelope. */
function tooLarge(cause: unknown): never {
  const isLimit = isCountersignError(cause, 'unopened') && cause.detail.step === 'too-large'
  throw isLimit ? new CountersignError('answer-too-large', { cause, detail: { step: 'size' } }) : cause
}

/** Observing lets an answer pass as it came, up to the limit of any answer. */
function unopened({ options }: Verified, download: ByteSource): Passage {
  let left = options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES
  const push = (bytes: Uint8Array, put: Put) => {
    left -= bytes.length
    // Condition: a stream that nobody has proven is not read beyond the limit of an answer, while observing, too.
    if (left < 0) throw new CountersignError('answer-too-large', { detail: { step: 'size' } })
    put(new Uint8Array(bytes))
  }
  return new Passage(download, { push, end: () => undefined })
}

/** Opens a sealed answer and leaves only what is proven of its header. */
export function open(engine: Engine, call: Verified): MaybePromise<OpenedAnswer> {
  const { answer, announced, download } = call
  if (announced === undefined) return download === undefined ? answer : { ...answer, stream: unopened(call, download) }
  const { head } = announced
  if (download !== undefined && head !== undefined) return openStream(engine, call, { announced, head, download })
  const opened = announced.sealed ? openBody(engine, call, announced.contentType) : answer.body
  return andThen(opened, (body) => present(call, announced, body))
}

function present(call: Verified, announced: AnnouncedBody, body: HttpAnswer['body']): HttpAnswer {
  const { status } = call.answer
  // Condition: a plain answer to a call that had to be sealed is refused, unless it is a problem.
  if (call.wantsSealed && !announced.sealed && body !== undefined && announced.contentType !== PROBLEM_TYPE) {
    throw new CountersignError('answer-plaintext', { detail: { step: 'open' } })
  }
  return { status, fields: callerFields(call, announced), body }
}

function openBody(engine: Engine, call: Verified, contentType: string): MaybePromise<HttpAnswer['body']> {
  const how = { with: keyringFor(engine, call), context: contextOf(engine, call, contentType) }
  return openBytes(call.answer.body ?? new Uint8Array(0), how)
}

function keyringFor(engine: Engine, { session }: Verified): Keyring {
  // Condition: an answer sealed to another key than that of the call's session and direction is refused.
  return session === undefined
    ? keyringOf(engine.credentials.sealKeys())
    : sessionKeyringOf(session.id, session.keys.serverSeal)
}

function contextOf(engine: Engine, call: Verified, contentType: string): EnvelopeContext {
  return answerContext({
    method: call.method,
    target: call.target.target,
    sender: call.peer,
    receiver: engine.id,
    contentType,
    callName: call.name,
    status: call.answer.status,
  })
}

function callerFields(call: Verified, announced: AnnouncedBody): HttpAnswer['fields'] {
  const proof = call.answerProof
  const kept = call.answer.fields.filter((name) => {
    if (isProofField(name) || OURS.has(name)) return false
    // Condition: a field of an answer that no proof covers never reaches the caller.
    return proof?.covers(name) === true || isUnproven(name)
  })
  if (!announced.sealed) return kept
  const inner = announced.contentType
  return inner === '' ? kept.filter((name) => name !== 'content-type') : kept.with({ 'content-type': inner })
}
