import { parseTarget } from '../../core/canonical.ts'
import { Fields } from '../../core/message.ts'
import type { Resolved } from './stages.ts'

/** What a call of the library's own asks for. */
export interface OwnRequest {
  /** Below the base path of the peer. */
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly fields: readonly string[]
}

/** A call to a route of the peer's guard, made because of another call: it takes over whom to reach, and nothing else. */
export function ownCall(call: Resolved, { path, method, fields }: OwnRequest): Resolved {
  const target = parseTarget(call.basePath + path)
  return {
    ...call,
    url: { ...call.url, href: call.url.origin + target.target },
    target,
    method,
    fields: new Fields(fields),
    body: undefined,
    source: undefined,
    redirect: 'manual',
    options: { mode: 'enforce' },
    isOwn: true,
  }
}
