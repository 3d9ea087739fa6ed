import { advance } from '../../core/advance.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { requestContext } from '../../envelope/http-context.ts'
import type { OpenOptions } from '../../envelope/open.ts'
import { openBytes } from '../../envelope/open.ts'
import { EnvelopeOpener } from '../../envelope/open-stream.ts'
import { callNameOf } from '../../signature/proof-parameters.ts'
import { keyringOf, sessionKeyringOf } from '../keyring-of.ts'
import { handlerFields } from './fields.ts'
import type { GuardSettings } from './guard-settings.ts'
import { isParsed, parseJson } from './json.ts'
import { isStreamed } from './read.ts'
import type { Arrival, Opened, Read, Upload } from './stages.ts'

/** Opens a sealed body and prepares what the handler sees. */
export function open(guard: GuardSettings, call: Read): MaybePromise<Opened> {
  const { arrival } = call
  if (arrival.streamBody !== undefined && isStreamed(guard, call)) return openStream(guard, call, arrival.streamBody)
  return andThen(call.announced.sealed ? openBody(guard, call) : call.bytes, (body) => present(guard, call, { body }))
}

type StreamBody = NonNullable<Arrival['streamBody']>

async function openStream(guard: GuardSettings, call: Read, streamBody: StreamBody): Promise<Opened> {
  // However long it is: who reads it decides how much of it is wanted.
  const opener = new EnvelopeOpener(howToOpen(guard, call), call.announced.head)
  return present(guard, call, { upload: await streamBody(opener) })
}

interface Content {
  readonly body?: Opened['body']
  readonly upload?: Upload
}

function present(guard: GuardSettings, call: Read, { body, upload }: Content): Opened {
  const { fields, dropped } = handlerFields(guard, call)
  const json = body !== undefined && body.length > 0 && isParsed(guard, call) ? parseJson(body) : undefined
  return advance(call, { body, upload, fields, droppedFields: dropped, json })
}

function openBody(guard: GuardSettings, call: Read): MaybePromise<Opened['body']> {
  const options = { ...howToOpen(guard, call), maxPlaintextBytes: guard.maxBodyBytes }
  return openBytes(call.bytes ?? new Uint8Array(0), options, call.announced.head)
}

function howToOpen(guard: GuardSettings, call: Read): OpenOptions {
  const { proof, target, request } = call
  // Condition: a sealed body that no proof covers is refused.
  if (proof === undefined || call.token === undefined) {
    throw new CountersignError('unopened', { detail: { step: 'no-proof' } })
  }
  const context = requestContext({
    method: request.method,
    target: target.target,
    sender: call.peer.id,
    receiver: guard.engine.id,
    contentType: call.announced.contentType,
    callName: callNameOf(proof.parameters),
  })
  // Condition: a body sealed to another key than that of the call's session and direction is refused.
  const keyring =
    call.session === undefined
      ? keyringOf(guard.engine.credentials.sealKeys())
      : sessionKeyringOf(call.session.id, call.session.keys.clientSeal)
  return { with: keyring, context }
}
