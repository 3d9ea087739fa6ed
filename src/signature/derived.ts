import type { HttpRequest } from '../core/message.ts'
import type { Component } from './component.ts'
import { underivable } from './underivable.ts'

const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http', ':80'],
  ['https', ':443'],
])

/** The value of a derived component of a request (RFC 9421 §2.2). */
export function derivedValue(component: Component, request: HttpRequest): string {
  const { name } = component
  if (name === '@method') return request.method
  if (name === '@request-target') return request.target
  if (name === '@path') return pathOf(request.target)
  if (name === '@query') return `?${queryOf(request.target)}`
  if (name === '@query-param') return paramValue(component, request)
  if (name === '@scheme') return schemeOf(request)
  if (name === '@authority') return authorityOf(request)
  if (name === '@target-uri') return targetUri(request)
  throw underivable(name)
}

/** Where path and query begin: after scheme and authority, if the target has any. */
function pathStart(target: string): number {
  if (target.startsWith('/')) return 0
  const scheme = target.indexOf('://')
  if (scheme === -1) return target.length
  for (let at = scheme + 3; at < target.length; at++) {
    const character = target[at]
    if (character === '/' || character === '?') return at
  }
  return target.length
}

function pathOf(target: string): string {
  const start = pathStart(target)
  const mark = target.indexOf('?', start)
  const path = target.slice(start, mark === -1 ? target.length : mark)
  return path === '' ? '/' : path
}

function queryOf(target: string): string {
  const mark = target.indexOf('?', pathStart(target))
  return mark === -1 ? '' : target.slice(mark + 1)
}

function schemeOf({ scheme }: HttpRequest): string {
  if (scheme === undefined) throw underivable('@scheme')
  return scheme.toLowerCase()
}

function authorityOf({ scheme, authority }: HttpRequest): string {
  if (authority === undefined || authority === '') throw underivable('@authority')
  const lower = authority.toLowerCase()
  const port = DEFAULT_PORTS.get(scheme?.toLowerCase() ?? '')
  return port !== undefined && lower.endsWith(port) ? lower.slice(0, -port.length) : lower
}

function targetUri(request: HttpRequest): string {
  const { target } = request
  if (target.includes('://') && !target.startsWith('/')) return target
  const origin = `${schemeOf(request)}://${authorityOf(request)}`
  return target.startsWith('/') ? origin + target : origin
}

function paramValue({ queryParam }: Component, request: HttpRequest): string {
  const found: string[] = []
  for (const [name, value] of new URLSearchParams(queryOf(request.target))) {
    if (encodeParam(name) === queryParam) found.push(value)
  }
  const [value] = found
  // Condition: a query parameter that is not there exactly once has no value to cover.
  if (value === undefined || found.length > 1) throw underivable('@query-param')
  // Condition: a query parameter that is not UTF-8 has no value to cover.
  if (value.includes('\ufffd')) throw underivable('@query-param')
  return encodeParam(value)
}

/** The percent-encoding of forms, with a space as `%20` (RFC 9421 §2.2.8). */
function encodeParam(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}
