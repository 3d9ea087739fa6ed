/** An object as JSON gives it: nothing in it is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Tells an object of JSON from all else that JSON can be. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
