import { type ErrorDetail, isCountersignError } from '../core/errors.ts'
import type { NoticeType, Report } from '../core/notice.ts'
import { FollowedFile, type FollowedFileOptions } from './followed-file.ts'

/** What the trails of those who use a file are told of it. */
export interface FileNotices {
  readonly changed: NoticeType
  readonly rejected: NoticeType
}

/** A file that is followed, and whose changes the audit trails of its users hear of. */
export class ReportedFile<T> {
  readonly file: FollowedFile<T>
  readonly #path: string
  readonly #notices: FileNotices
  readonly #reports = new Set<Report>()
  #isClosed = false

  constructor(options: Omit<FollowedFileOptions<T>, 'changed' | 'rejected'>, notices: FileNotices) {
    this.#path = options.path
    this.#notices = notices
    this.file = new FollowedFile({
      ...options,
      changed: () => this.tell(notices.changed, { option: options.path }),
      rejected: (error) => this.tell(notices.rejected, this.#detailOf(error)),
    })
  }

  /** Tells a trail from now on; who listens only now hears, too, why the newest version is not in use. */
  bind(report: Report): void {
    if (this.#reports.has(report)) return
    this.#reports.add(report)
    const { failure } = this.file
    if (failure !== undefined) report(this.#notices.rejected, this.#detailOf(failure))
  }

  tell(type: NoticeType, detail: ErrorDetail): void {
    if (this.#isClosed) return
    for (const report of this.#reports) report(type, detail)
  }

  close(): void {
    this.#isClosed = true
    this.file.close()
  }

  #detailOf(error: unknown): ErrorDetail {
    return isCountersignError(error) ? error.detail : { option: this.#path }
  }
}
