import { CountersignError } from '../core/errors.ts'

/** An argument that no caller may give. */
export function optionInvalid(option: string, fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option, fix } })
}

/** A key that cannot be sealed to or opened with. */
export function keyInvalid(option: string, fix: string): CountersignError {
  return new CountersignError('key-invalid', { detail: { option, fix } })
}

/** Throws `option-invalid` for everything that is not bytes, those of another realm included among the bytes. */
export function checkBytes(value: unknown, option: string): void {
  // Condition: what is sealed or opened but is not a Uint8Array is refused.
  if (!isBytes(value)) throw optionInvalid(option, 'give a Uint8Array')
}

export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]'
}
