import { advance } from '../../core/advance.ts'
import type { Bytes } from '../../core/bytes.ts'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import type { Jwk } from '../../crypto/primitives.ts'
import { requestContext } from '../../envelope/http-context.ts'
import { type Recipient, recipient } from '../../envelope/recipients.ts'
import { sealBytes } from '../../envelope/seal.ts'
import { EnvelopeSealer } from '../../envelope/seal-stream.ts'
import { type ByteSource, readUpTo } from '../byte-source.ts'
import type { Engine } from '../engine.ts'
import { ACCEPT_ENVELOPE, sealedFields } from '../envelope-field.ts'
import { sessionKeyringOf } from '../keyring-of.ts'
import { Passage } from '../passage.ts'
import { hasRecords } from '../record-type.ts'
import type { Chosen, Resolved, Sealed } from './stages.ts'

/** A stream that cannot be sealed is gathered up to here: what a guard takes by default. */
const MAX_GATHERED_BYTES = 1_048_576

/** Asks a peer what it speaks: a call of its own, made before a first body where sealing was left open. */
export type Discover = (call: Resolved) => Promise<void>

/** Decides whether this attempt is sealed, and seals it under its name. Nothing that fails makes it less. */
export function seal(engine: Engine, call: Chosen, discover: Discover): MaybePromise<Sealed> {
  const { source } = call
  return source === undefined ? sealWhole(engine, call, discover) : sealSource(engine, { call, source, discover })
}

interface Streaming {
  readonly call: Chosen
  readonly source: ByteSource
  readonly discover: Discover
}

/** What comes as a stream leaves as one where the peer can open it; else it is gathered and sent as a whole. */
async function sealSource(engine: Engine, { call, source, discover }: Streaming): Promise<Sealed> {
  const found = await streamOpener(engine, call, discover)
  if (!(found instanceof CountersignError)) return sealStream(engine, call, { source, to: found })
  const body = await readUpTo(source, MAX_GATHERED_BYTES)
  // Condition: a stream that cannot be sealed and is too long to be sent as a whole is refused.
  if (!(body instanceof Uint8Array)) throw found
  return sealWhole(engine, advance(call, { body, source: undefined }), discover)
}

/** Who opens a stream, or why nobody can. */
async function streamOpener(engine: Engine, call: Chosen, discover: Discover): Promise<Recipient | CountersignError> {
  if (call.options.seal === 'never') return new CountersignError('body-too-large', { detail: { step: 'seal' } })
  try {
    if (call.session === undefined) await assertOpener(engine)
    return await openerOf(engine, call, discover)
  } catch (cause) {
    const isKeyless = isCountersignError(cause, 'peer-cannot-open') || isCountersignError(cause, 'credentials-invalid')
    if (!isKeyless) throw cause
    return cause
  }
}

async function sealStream(
  engine: Engine,
  call: Chosen,
  { source, to }: { readonly source: ByteSource; readonly to: Recipient },
): Promise<Sealed> {
  const contentType = call.fields.get('content-type') ?? ''
  const context = contextOf(engine, call, contentType)
  const sealer = new EnvelopeSealer({ to, context, records: hasRecords(contentType) })
  const first: Bytes[] = []
  const head = await sealer.start((piece) => first.push(piece))
  const upload = new Passage(source, sealer, first)
  const own = { sealedFields: sealedFields(contentType, head), upload }
  return advance(call, { sealed: true, wantsSealed: true, bytes: undefined, ...own })
}

function contextOf(engine: Engine, call: Chosen, contentType: string) {
  return requestContext({
    method: call.method,
    target: call.target.target,
    sender: engine.id,
    receiver: call.peer,
    contentType,
    callName: call.name,
  })
}

function sealWhole(engine: Engine, call: Chosen, discover: Discover): MaybePromise<Sealed> {
  return andThen(isSealingDue(engine, call, discover), (isDue) => {
    if (!isDue) return advance(call, { sealed: false, wantsSealed: false, bytes: call.body, sealedFields: {} })
    const opener = call.session === undefined ? assertOpener(engine) : undefined
    return andThen(opener, () => sealNow(engine, call, discover))
  })
}

function sealNow(engine: Engine, call: Chosen, discover: Discover): MaybePromise<Sealed> {
  const { body } = call
  if (body !== undefined && body.length > 0) {
    return andThen(openerOf(engine, call, discover), (to) => sealBody(engine, call, { body, to }))
  }
  const sealedFields = { [ACCEPT_ENVELOPE]: 'sve1' }
  return advance(call, { sealed: false, wantsSealed: true, bytes: undefined, sealedFields })
}

function sealBody(
  engine: Engine,
  call: Chosen,
  { body, to }: { readonly body: Bytes; readonly to: Recipient },
): MaybePromise<Sealed> {
  const contentType = call.fields.get('content-type') ?? ''
  const context = contextOf(engine, call, contentType)
  return andThen(sealBytes(body, { to, context }), (bytes) =>
    advance(call, { sealed: true, wantsSealed: true, bytes, sealedFields: sealedFields(contentType) }),
  )
}

function isSealingDue(engine: Engine, call: Chosen, discover: Discover): MaybePromise<boolean> {
  if (call.isOwn === true) return false
  const choice = call.options.seal ?? 'auto'
  if (choice === 'always') return true
  const isDemanded = () =>
    engine.trust.current().sealKeysFor(call.peer).length > 0 || engine.peers.of(call.peer).demandsSeal
  if (choice === 'never') {
    // Condition: a peer that asked for sealing gets no plain body, even where a call says never.
    if (isDemanded() && call.body !== undefined)
      throw new CountersignError('encryption-required', { detail: { step: 'seal' } })
    return false
  }
  if (isDemanded()) return true
  // Condition: over plain http off loopback a call is sealed or not made.
  if (call.url.protocol === 'http:' && !isLoopback(call.url.hostname)) return true
  // A session's handshake has asked already, and who speaks only tokens could not be asked.
  if (call.body === undefined || call.session !== undefined || call.options.proof === 'proof-token') return false
  return andThen(discover(call), isDemanded)
}

/** Only names and addresses that cannot leave the machine (RFC 6761 §6.3). */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/.test(hostname)
}

function assertOpener(engine: Engine): MaybePromise<void> {
  return andThen(engine.credentials.current(), () => {
    // Condition: a sealed call by a workload that has no key to open the answer with is refused.
    if (engine.credentials.sealKeys().length > 0) return
    const fix = 'add a recipient key ("use": "enc") so that answers can be sealed to this workload'
    throw new CountersignError('credentials-invalid', { detail: { option: 'credentials', fix } })
  })
}

function learnedKey(engine: Engine, peer: string): Jwk | undefined {
  const known = engine.peers.of(peer).sealKey
  return known !== undefined && known.expiresAt > engine.clock.now() ? known.jwk : undefined
}

/** Who opens the body: the other end of the session and nobody else, or whoever holds the peer's seal key. */
function openerOf(engine: Engine, call: Chosen, discover: Discover): MaybePromise<Recipient> {
  const { session } = call
  if (session !== undefined) return sessionKeyringOf(session.id, session.keys.clientSeal)
  return andThen(keyOf(engine, call, discover), recipient)
}

function keyOf(engine: Engine, call: Resolved, discover: Discover): MaybePromise<Jwk> {
  const find = () => engine.trust.current().sealKeysFor(call.peer)[0] ?? learnedKey(engine, call.peer)
  const known = find()
  if (known !== undefined) return known
  return andThen(discover(call), () => {
    const found = find()
    // Condition: a call that has to be sealed to a peer without a seal key is refused.
    if (found === undefined) throw new CountersignError('peer-cannot-open', { detail: { step: 'seal' } })
    return found
  })
}
