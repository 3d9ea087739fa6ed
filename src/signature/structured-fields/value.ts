import type { Bytes } from '../../core/bytes.ts'

/** A number with a fraction; never an Integer, even where the fraction is zero. */
export interface Decimal {
  readonly type: 'decimal'
  readonly value: number
}

/** A bare word, such as `gzip`. */
export interface Token {
  readonly type: 'token'
  readonly value: string
}

/** Seconds since 1970. */
export interface SfDate {
  readonly type: 'date'
  readonly value: number
}

/** A text beyond ASCII. */
export interface DisplayString {
  readonly type: 'display-string'
  readonly value: string
}

/**
 * What a structured field is made of (RFC 9651 §3.3). A JavaScript number is an Integer, a string a String, a
 * boolean a Boolean, bytes a Byte Sequence; what JavaScript has no type for is tagged.
 */
export type BareItem = number | string | boolean | Bytes | Decimal | Token | SfDate | DisplayString

/** Parameters in their order: a map when they were parsed, anything that iterates like one when they are written. */
export type Params = ReadonlyMap<string, BareItem>
export type ParamsToWrite = Iterable<readonly [string, BareItem]>

export interface Item {
  readonly value: BareItem
  readonly params: Params
}

export interface InnerList {
  readonly items: readonly Item[]
  readonly params: Params
}

export type Member = Item | InnerList
export type List = readonly Member[]
export type Dictionary = ReadonlyMap<string, Member>

export interface ItemToWrite {
  readonly value: BareItem
  readonly params: ParamsToWrite
}

export interface InnerListToWrite {
  readonly items: readonly ItemToWrite[]
  readonly params: ParamsToWrite
}

/** Shared by everything that has none. */
export const NO_PARAMS: Params = new Map()

/** Tells an inner list from an item. */
export function isInnerList<L extends object, I extends object>(
  member: L | I,
): member is Extract<L | I, { items: unknown }> {
  return 'items' in member
}
