import { CountersignError } from '../core/errors.ts'

/** Says by which rule a certificate, or the field it came in, fell. Nothing of what a stranger wrote is in the error. */
export function certificateInvalid(step: string): CountersignError {
  return new CountersignError('certificate-invalid', { detail: { step } })
}
