/** How a body is cut and encrypted: resolved once from the byte in the header, handed down from there. */
export interface Suite {
  readonly id: number
  readonly chunkBytes: number
}

/** Suite 01: chunks of 16 KiB. */
export const CHUNKED: Suite = Object.freeze({ id: 0x01, chunkBytes: 16_384 })

const suites: ReadonlyMap<number, Suite> = new Map([[CHUNKED.id, CHUNKED]])

/** The suite a header names, or undefined where this version does not read it. */
export function suiteOf(id: number): Suite | undefined {
  return suites.get(id)
}
