import type { ErrorDetail } from './errors.ts'

/** What happens to a running workload besides its calls. */
export type NoticeType =
  | 'workload.started'
  | 'workload.closed'
  | 'credentials.renewed'
  | 'credentials.changed'
  | 'credentials.rejected'
  | 'trust.changed'
  | 'trust.rejected'
  | 'trust.unreachable'
  | 'trust.stale'
  | 'trust.recovered'
  | 'policy.changed'
  | 'policy.rejected'
  | 'api-keys.changed'
  | 'api-keys.rejected'
  | 'api-keys.use-unwritten'
  | 'dangerous.used'

/** How a part of the engine tells the audit trail what happened to it, without knowing the trail. */
export type Report = (type: NoticeType, detail?: ErrorDetail) => void
