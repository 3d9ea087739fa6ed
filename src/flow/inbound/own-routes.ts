import { utf8 } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import type { MaybePromise } from '../../core/maybe-promise.ts'
import { Fields } from '../../core/message.ts'
import { DISCOVERY_PATH, SESSION_PATH } from '../discovery-path.ts'
import type { OwnAnswer } from './admission.ts'
import type { GuardSettings } from './guard-settings.ts'
import { answerHandshake } from './handshake.ts'
import type { Claimed } from './stages.ts'

/** Answers the guard's own routes: after proof and claim, before policy, never to the anonymous. */
export function ownRoute(guard: GuardSettings, call: Claimed): MaybePromise<OwnAnswer | undefined> {
  const base = guard.strippedPrefix + call.arrival.mountPath
  if (!call.target.path.startsWith(base + DISCOVERY_PATH)) return undefined
  const path = call.target.path.slice(base.length)
  if (path === DISCOVERY_PATH) return discovery(guard, call)
  const isHandshake = path === SESSION_PATH && guard.offersSessions && call.request.method === 'POST'
  return isHandshake ? answerHandshake(guard, call) : undefined
}

function discovery(guard: GuardSettings, call: Claimed): OwnAnswer | undefined {
  // Condition: discovery is refused to who proved nothing.
  if (call.token === undefined) throw new CountersignError('proof-missing', { detail: { step: 'discovery' } })
  if (call.request.method !== 'GET') return undefined
  const document = { v: 1, sessions: guard.offersSessions, seal: guard.demandsSealing() }
  return { response: jsonAnswer(utf8(JSON.stringify(document))) }
}

function jsonAnswer(body: ReturnType<typeof utf8>) {
  return { status: 200, fields: new Fields(['Content-Type', 'application/json']), body }
}
