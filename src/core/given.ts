import { CountersignError } from './errors.ts'

/** Throws `option-invalid` where an argument that has members is something that has none. */
export function checkGiven(value: unknown, option: string, fix = 'give an object'): void {
  // Condition: an argument that has to be an object and was left out is refused by its name.
  if (typeof value !== 'object' || value === null)
    throw new CountersignError('option-invalid', { detail: { option, fix } })
}
