import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { type MaybePromise, orElse } from '../../core/maybe-promise.ts'

/** Says at which step an access token fell, to the operator alone. */
export function bearerInvalid(step: string): CountersignError {
  return new CountersignError('bearer-invalid', { detail: { step } })
}

/** Says at which step the proof of an access token fell, to the operator alone. */
export function dpopInvalid(step: string): CountersignError {
  return new CountersignError('dpop-invalid', { detail: { step } })
}

/** One outer code for whatever is wrong with a token; what could not be found out stays what it is. */
export function refusedAs<T>(code: 'bearer-invalid' | 'dpop-invalid', body: () => MaybePromise<T>): MaybePromise<T> {
  return orElse(body, (cause) => {
    if (!isCountersignError(cause) || !cause.code.startsWith('token-')) throw cause
    throw new CountersignError(code, { cause, detail: cause.detail })
  })
}
