import { advance } from '../../core/advance.ts'
import { type Bytes, utf8 } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { Fields } from '../../core/message.ts'
import { type ByteSource, iterated, readUpTo, sourceOf } from '../byte-source.ts'
import { currentCall } from '../call-context.ts'
import { type CallUrl, locate, locateUrl } from '../call-url.ts'
import type { PeerLookup } from '../engine.ts'
import { fieldsFrom } from '../whatwg.ts'
import type { CallOptions } from './call-options.ts'
import type { Resolved } from './stages.ts'

/** What `fetch` takes, and what this library adds to it. */
export type SecureInit = Omit<RequestInit, 'body'> & {
  /** As in `fetch`; or whatever gives bytes when it is iterated, such as a request or a file that is read by Node. */
  readonly body?: BodyInit | AsyncIterable<Uint8Array> | null | undefined
  readonly countersign?: CallOptions
}

/** Whom a client calls, whatever the URL. */
export interface Destination {
  readonly peerAt: PeerLookup
  readonly baseUrl: string | undefined
  /** The path of the base URL without a slash at its end: where the peer's own routes lie. */
  readonly basePath: string
}

/** Fields the library writes itself: an application that sets one of them means something else. */
const RESERVED = [
  'signature',
  'signature-input',
  'workload-identity-token',
  'workload-proof-token',
  'content-digest',
  'content-envelope',
  'accept-envelope',
]

/** Reads what the application wants, in the terms of `fetch`, and finds out who has to answer. */
export function resolve(
  destination: Destination,
  { input, init, options }: { input: string | URL | Request; init: SecureInit | undefined; options: CallOptions },
): MaybePromise<Resolved> {
  return andThen(plainRequest(input, init, destination.baseUrl), (plain) => address(destination, plain, options))
}

/** Finds the peer, and holds the call to what a call may be. */
function address(destination: Destination, plain: Plain, options: CallOptions): Resolved {
  const { url } = plain
  const peer = destination.peerAt(url)
  // Condition: a call to an origin that belongs to no known peer is refused.
  if (peer === undefined) throw peerUnknown(url)
  const reserved = RESERVED.find((name) => plain.fields.has(name))
  // Condition: a call that sets a field the library writes itself is refused.
  if (reserved !== undefined) {
    throw new CountersignError('field-reserved', { detail: { option: `headers["${reserved}"]`, fix: 'leave it out' } })
  }
  return advance(plain, {
    peer,
    basePath: destination.basePath,
    options,
    parent: options.call === undefined ? currentCall() : (options.call ?? undefined),
  })
}

function peerUnknown(url: CallUrl): CountersignError {
  const fix = `name the workload behind ${url.origin} in the option "peers" or in "origins" of the trust bundle`
  return new CountersignError('peer-unknown', { detail: { fix } })
}

type Plain = Pick<Resolved, 'url' | 'target' | 'method' | 'fields' | 'body' | 'source' | 'signal' | 'redirect'>

/** A body that ends within so many bytes is sent as a whole, and may be sent again. */
const MAX_WHOLE_BYTES = 1_048_576

function plainRequest(
  input: string | URL | Request,
  init: SecureInit | undefined,
  baseUrl: string | undefined,
): MaybePromise<Plain> {
  const body = simpleBody(init?.body)
  if (input instanceof Request || body === 'not-simple') return fromRequest(input, init, baseUrl)
  // What travels may be longer than what the application has: the transport counts.
  const fields = fieldsFrom(init?.headers).without('content-length')
  const method = normalMethod(init?.method ?? 'GET')
  // Condition: a GET or HEAD with a body is refused, as fetch does.
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    throw new TypeError('Request with GET/HEAD method cannot have body.')
  const { url, target } = locate(input, baseUrl)
  return {
    url,
    target,
    method,
    fields:
      body?.type === undefined || fields.has('content-type') ? fields : fields.with({ 'content-type': body.type }),
    body: body?.bytes,
    source: body?.source,
    signal: init?.signal ?? undefined,
    redirect: init?.redirect ?? 'manual',
  }
}

function isIterable(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

interface SimpleBody {
  readonly bytes?: Bytes
  readonly type?: string
  readonly source?: ByteSource
}

/** Bodies that are bytes already, or a stream of them; everything else goes through a Request, which knows the rest of fetch's rules. */
function simpleBody(body: unknown): SimpleBody | 'not-simple' | undefined {
  if (body === undefined || body === null) return undefined
  if (typeof body === 'string') return { bytes: utf8(body), type: 'text/plain;charset=UTF-8' }
  if (body instanceof Uint8Array) return { bytes: new Uint8Array(body) }
  // What comes as a stream may be meant to be read as it comes: nothing of it is waited for.
  if (body instanceof ReadableStream) return { source: sourceOf(body) }
  if (isIterable(body)) return { source: iterated(body) }
  return 'not-simple'
}

async function fromRequest(
  input: string | URL | Request,
  init: SecureInit | undefined,
  baseUrl: string | undefined,
): Promise<Plain> {
  const base = input instanceof Request ? input : locate(input, baseUrl).url.href
  // Node demands `duplex` for streams; it is in no DOM type yet.
  const request = new Request(base, { ...init, duplex: 'half' } as RequestInit)
  const isRedirectSet = init?.redirect !== undefined || (input instanceof Request && input.redirect !== 'follow')
  const { url, target } = locateUrl(new URL(request.url))
  return {
    url,
    target,
    method: normalMethod(request.method),
    fields: Fields.fromEntries(request.headers).filter((name) => name !== 'content-length'),
    ...(await bodyOf(request)),
    signal: init?.signal ?? (input instanceof Request ? input.signal : undefined),
    redirect: isRedirectSet ? request.redirect : 'manual',
  }
}

async function bodyOf({ body }: Request): Promise<Pick<Plain, 'body' | 'source'>> {
  if (body === null) return { body: undefined }
  const read = await readUpTo(sourceOf(body), MAX_WHOLE_BYTES)
  return read instanceof Uint8Array ? { body: read } : { body: undefined, source: read }
}

/** As `fetch` spells it. */
export function normalMethod(method: string): string {
  const upper = method.toUpperCase()
  return /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(upper) ? upper : method
}
