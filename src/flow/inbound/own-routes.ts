import { utf8 } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import { Fields } from '../../core/message.ts'
import { DISCOVERY_PATH } from '../discovery-path.ts'
import type { HttpAnswer } from '../http-answer.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Claimed } from './stages.ts'

/** Answers the guard's own routes: after proof and claim, before policy, never to the anonymous. */
export function ownRoute(guard: GuardSettings, call: Claimed): HttpAnswer | undefined {
  if (call.target.path !== guard.strippedPrefix + call.arrival.mountPath + DISCOVERY_PATH) return undefined
  // Condition: discovery is refused to who proved nothing.
  if (call.token === undefined) throw new CountersignError('proof-missing', { detail: { step: 'discovery' } })
  if (call.request.method !== 'GET') return undefined
  const document = { v: 1, sessions: false, seal: demandsSealing(guard) }
  return { status: 200, fields: new Fields(['Content-Type', 'application/json']), body: utf8(JSON.stringify(document)) }
}

function demandsSealing(guard: GuardSettings): boolean {
  if (guard.sealRequired) return true
  const { policy } = guard
  return 'demandsSealing' in policy && policy.demandsSealing === true
}
