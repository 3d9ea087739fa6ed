/** How a body is cut and encrypted: resolved once from the byte in the header, handed down from there. */
export interface Suite {
  readonly id: number
  /** The plaintext of a chunk, all but the last one; of a record the most. */
  readonly chunkBytes: number
  /** Whether each piece tells its length and can be read as soon as it is there (SVE1 §10.6). */
  readonly hasRecords: boolean
}

/** Suite 01: chunks of 16 KiB, for what is short. */
export const CHUNKED: Suite = Object.freeze({ id: 0x01, chunkBytes: 16_384, hasRecords: false })

/** Suite 02: records as they come, for events. */
export const RECORDS: Suite = Object.freeze({ id: 0x02, chunkBytes: 65_536, hasRecords: true })

/** Suite 03: chunks of 256 KiB, for streams and whatever is long. */
export const LARGE_CHUNKED: Suite = Object.freeze({ id: 0x03, chunkBytes: 262_144, hasRecords: false })

/** Above this length a body has large chunks. */
const LONG_BYTES = 65_536

const suites: ReadonlyMap<number, Suite> = new Map([CHUNKED, RECORDS, LARGE_CHUNKED].map((suite) => [suite.id, suite]))

/** The suite a header names, or undefined where this version does not read it. */
export function suiteOf(id: number): Suite | undefined {
  return suites.get(id)
}

/** The suite of a body whose length is known. */
export function suiteFor(plaintextBytes: number): Suite {
  return plaintextBytes > LONG_BYTES ? LARGE_CHUNKED : CHUNKED
}
