import { primitives } from '#crypto'
import { type Bytes, utf8 } from '../core/bytes.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Fields, HttpRequest, HttpResponse } from '../core/message.ts'
import type { MacKey } from '../crypto/primitives.ts'
import type { Component } from './component.ts'
import { derivedValue } from './derived.ts'
import { fieldValue } from './field-value.ts'
import type { FieldTypes } from './structured-fields/field-types.ts'
import { underivable } from './underivable.ts'

/** Where the values of a signature base come from. */
export interface BaseSource {
  readonly message: HttpRequest | HttpResponse
  /** The request an answer belongs to, for components with `req`. */
  readonly request?: HttpRequest | undefined
  /** Structured types of fields that are not in the registry, for `sf` and `key`. */
  readonly fieldTypes?: FieldTypes | undefined
}

/** The value of one component (RFC 9421 §2.1, §2.2). */
export function componentValue(component: Component, source: BaseSource): string {
  const value = rawValue(component, source)
  // Condition: a component value with a line break is refused.
  if (value.includes('\n') || value.includes('\r')) throw underivable(component.name)
  return value
}

function rawValue(component: Component, { message, request, fieldTypes }: BaseSource): string {
  const owner = component.req ? request : message
  // Condition: a component of a request that is not known has no value.
  if (owner === undefined) throw underivable(component.name)
  if (!component.isDerived) return fieldValue(component, fieldsOf(component, owner), fieldTypes)
  if ('status' in owner) return statusOf(component, owner)
  return derivedValue(component, owner)
}

function fieldsOf(component: Component, owner: HttpRequest | HttpResponse): Fields {
  if (!component.tr) return owner.fields
  if (owner.trailers === undefined) throw underivable(component.name)
  return owner.trailers
}

function statusOf({ name }: Component, { status }: HttpResponse): string {
  if (name !== '@status' || !Number.isInteger(status) || status < 100 || status > 999) throw underivable(name)
  return String(status)
}

/**
 * The text that is signed (RFC 9421 §2.5): a line a component, then the signature's own parameters.
 * @param member the inner list and its parameters, as the field carries them
 */
export function signatureBase(components: readonly Component[], member: string, source: BaseSource): string {
  let base = ''
  for (const component of components) base += `${component.key}: ${componentValue(component, source)}\n`
  return `${base}"@signature-params": ${member}`
}

/** The bytes of a base, which is ASCII by definition. */
export function baseBytes(base: string): Bytes {
  const bytes = utf8(base)
  return ofAscii(base, bytes.length === base.length ? bytes : undefined)
}

/** The MAC of a base, in base64. */
export function macOf(key: MacKey, base: string): MaybePromise<string> {
  return andThen(primitives.macText(key, base), (mac) => ofAscii(base, mac))
}

function ofAscii<T>(base: string, made: T | undefined): T {
  // Condition: a signature base that is not ASCII is refused.
  if (made === undefined) throw underivable(foreignName(base))
  return made
}

/** The name of the first component whose line is not ASCII. */
function foreignName(base: string): string {
  const line = base.split('\n').find((text) => /[\u0080-\uffff]/.test(text)) ?? ''
  return line.slice(1, line.indexOf('"', 1))
}
