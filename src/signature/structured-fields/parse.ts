import { readBareItem } from './bare-item.ts'
import { isOf, KEY, KEY_START } from './characters.ts'
import { FAILURE, Reader } from './reader.ts'
import {
  type BareItem,
  type Dictionary,
  type InnerList,
  type Item,
  type List,
  type Member,
  NO_PARAMS,
  type Params,
} from './value.ts'

const OPEN = 0x28
const CLOSE = 0x29
const COMMA = 0x2c
const SEMICOLON = 0x3b
const EQUALS = 0x3d

/** Parses an Item (RFC 9651 §4.2.3); undefined where the text is none. */
export function parseItem(text: string): Item | undefined {
  return attempt(text, false, readItem)
}

/** Parses a List (RFC 9651 §4.2.1); undefined where the text is none. */
export function parseList(text: string): List | undefined {
  return attempt(text, false, readList)
}

/** Parses a Dictionary (RFC 9651 §4.2.2), in which the last of two members of one name wins. */
export function parseDictionary(text: string): Dictionary | undefined {
  return attempt(text, false, readDictionary)
}

/** Parses a Dictionary for a decision about security: two members, or two parameters, of one name are a failure. */
export function parseUniqueDictionary(text: string): Dictionary | undefined {
  return attempt(text, true, readDictionary)
}

function attempt<T>(text: string, isUnique: boolean, read: (reader: Reader) => T): T | undefined {
  const reader = new Reader(text, isUnique)
  try {
    reader.skipSpaces()
    const value = read(reader)
    reader.skipSpaces()
    return reader.isAtEnd() ? value : undefined
  } catch (error) {
    if (error === FAILURE) return undefined
    throw error
  }
}

function readItem(reader: Reader): Item {
  const value = readBareItem(reader)
  return { value, params: readParams(reader) }
}

function readList(reader: Reader): List {
  const members: Member[] = []
  while (!reader.isAtEnd()) {
    members.push(readMember(reader))
    if (!hasNext(reader)) break
  }
  return members
}

function readDictionary(reader: Reader): Dictionary {
  const members = new Map<string, Member>()
  while (!reader.isAtEnd()) {
    const key = readKey(reader)
    // Condition: two members of one name in a signature field are refused.
    if (reader.isUnique && members.has(key)) throw FAILURE
    members.set(key, reader.take(EQUALS) ? readMember(reader) : { value: true, params: readParams(reader) })
    if (!hasNext(reader)) break
  }
  return members
}

/** Steps over the comma to the next member; a comma with nothing after it is a failure. */
function hasNext(reader: Reader): boolean {
  reader.skipSpacesAndTabs()
  if (reader.isAtEnd()) return false
  reader.expect(COMMA)
  reader.skipSpacesAndTabs()
  if (reader.isAtEnd()) throw FAILURE
  return true
}

function readMember(reader: Reader): Member {
  return reader.peek() === OPEN ? readInnerList(reader) : readItem(reader)
}

function readInnerList(reader: Reader): InnerList {
  reader.at++
  const items: Item[] = []
  for (;;) {
    reader.skipSpaces()
    if (reader.take(CLOSE)) return { items, params: readParams(reader) }
    items.push(readItem(reader))
    const next = reader.peek()
    if (next !== 0x20 && next !== CLOSE) throw FAILURE
  }
}

function readParams(reader: Reader): Params {
  if (reader.peek() !== SEMICOLON) return NO_PARAMS
  const params = new Map<string, BareItem>()
  while (reader.take(SEMICOLON)) {
    reader.skipSpaces()
    const key = readKey(reader)
    // Condition: two parameters of one name in a signature field are refused.
    if (reader.isUnique && params.has(key)) throw FAILURE
    params.set(key, reader.take(EQUALS) ? readBareItem(reader) : true)
  }
  return params
}

function readKey(reader: Reader): string {
  if (!isOf(reader.peek(), KEY_START)) throw FAILURE
  return reader.run(KEY)
}
