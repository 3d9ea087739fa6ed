import { CountersignError } from '../core/errors.ts'
import { Fields, type HttpRequest, type HttpResponse } from '../core/message.ts'
import type { BaseSource } from './base.ts'
import type { FieldType } from './structured-fields/field-types.ts'

type FieldTypesGiven = Readonly<Record<string, FieldType>>

/** A request as a signature sees it; a WHATWG `Request` is one. */
export interface RequestMessage {
  readonly method: string
  /** The absolute URL, spelled as it is requested: nothing in it is brought into another form. */
  readonly url: string
  /** Names and values in their order: `Headers`, a `Map`, or a list of pairs. */
  readonly headers: Iterable<readonly [string, string]>
  readonly trailers?: Iterable<readonly [string, string]>
  /** The request target where it is not path and query of the URL: `*`, an authority, or an absolute URL. */
  readonly target?: string
}

/** An answer as a signature sees it; a WHATWG `Response` is one. */
export interface ResponseMessage {
  readonly status: number
  readonly headers: Iterable<readonly [string, string]>
  readonly trailers?: Iterable<readonly [string, string]>
}

/** Brings a message into the form of the core. */
export function messageOf(input: RequestMessage | ResponseMessage): HttpRequest | HttpResponse {
  return 'status' in input ? responseOf(input) : requestOf(input)
}

/** Where the values of a signature of this message come from. */
export function sourceOf(
  message: RequestMessage | ResponseMessage,
  { request, fieldTypes }: { request: RequestMessage | undefined; fieldTypes: FieldTypesGiven | undefined },
): BaseSource {
  return {
    message: messageOf(message),
    request: request && requestOf(request),
    fieldTypes: fieldTypes && new Map(Object.entries(fieldTypes)),
  }
}

/** Brings a request into the form of the core. */
export function requestOf(input: RequestMessage): HttpRequest {
  const { method, headers, trailers } = input
  const { scheme, authority, target } = splitUrl(input.url)
  return {
    method,
    scheme,
    authority,
    target: input.target ?? target,
    fields: Fields.fromEntries(headers),
    ...(trailers === undefined ? {} : { trailers: Fields.fromEntries(trailers) }),
  }
}

function responseOf({ status, headers, trailers }: ResponseMessage): HttpResponse {
  const fields = Fields.fromEntries(headers)
  return trailers === undefined ? { status, fields } : { status, fields, trailers: Fields.fromEntries(trailers) }
}

function splitUrl(url: string): { scheme: string; authority: string; target: string } {
  const colon = url.indexOf('://')
  const start = colon + 3
  let end = start
  while (end < url.length && !isDelimiter(url.charCodeAt(end))) end++
  const authority = url.slice(start, end)
  // Condition: a message whose URL is not absolute, or names a user, is neither signed nor verified.
  if (colon < 1 || authority === '' || authority.includes('@')) {
    throw new CountersignError('option-invalid', {
      detail: { option: 'message.url', fix: 'give an absolute URL without a user' },
    })
  }
  const hash = url.indexOf('#', end)
  const rest = url.slice(end, hash === -1 ? url.length : hash)
  return { scheme: url.slice(0, colon), authority, target: rest.startsWith('/') ? rest : `/${rest}` }
}

function isDelimiter(code: number): boolean {
  return code === 0x2f || code === 0x3f || code === 0x23
}
