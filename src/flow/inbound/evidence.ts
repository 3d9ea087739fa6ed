import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import type { Evidence, OwnEvidence } from '../../peer/authenticator.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Parsed } from './stages.ts'

/** What an authenticator may look at. */
export function evidenceOf({ request, arrival }: Parsed): Evidence {
  return {
    method: request.method,
    target: request.target,
    ...(arrival.address === undefined ? {} : { address: arrival.address }),
    header: (name: string) => request.fields.get(name.toLowerCase()),
  }
}

/** The same for an authenticator of the library's own, and who stands at the other end of the connection. */
export function ownEvidenceOf(guard: GuardSettings, parsed: Parsed): OwnEvidence {
  const { ids } = guard.proxies
  return {
    ...evidenceOf(parsed),
    connection: () => parsed.arrival.certificate?.(),
    isFromProxy: () => isFromProxy(guard, parsed),
    isProxy: (name: string) => ids.has(name),
  }
}

function isFromProxy({ proxies, around }: GuardSettings, { arrival }: Parsed): MaybePromise<boolean> {
  if (arrival.proxy !== undefined) return true
  const shown = proxies.ids.size === 0 ? undefined : arrival.certificate?.()
  if (shown === undefined) return false
  return andThen(around.certificates().ofConnection(shown), ({ id }) => proxies.ids.has(id.id))
}
