import { CountersignError } from '../core/errors.ts'
import { FIELD_NAME, isAllOf } from './structured-fields/characters.ts'
import { parseItem } from './structured-fields/parse.ts'
import { serializeParams, serializeString } from './structured-fields/serialize.ts'
import { type BareItem, type Item, NO_PARAMS, type Params } from './structured-fields/value.ts'

/** Which message a signature belongs to. */
export type MessageKind = 'request' | 'answer'

/** A component identifier (RFC 9421 §2): what a signature covers. */
export interface Component {
  /** A field name in lower case, or a derived name beginning with `@`. */
  readonly name: string
  readonly isDerived: boolean
  /** Taken from the request an answer belongs to. */
  readonly req: boolean
  /** Taken from the trailers. */
  readonly tr: boolean
  /** Each instance of the field on its own, as bytes. */
  readonly bs: boolean
  /** Reserialized as the structured field it is. */
  readonly sf: boolean
  /** The member of a dictionary field alone. */
  readonly member: string | undefined
  /** The name of a query parameter, encoded as it is compared. */
  readonly queryParam: string | undefined
  /** The identifier as a signature base writes it, parameters in the order of the signer. */
  readonly key: string
  /** The same for all orders of the parameters: what makes two identifiers one. */
  readonly identity: string
}

const REQUEST_NAMES: ReadonlySet<string> = new Set([
  '@method',
  '@target-uri',
  '@authority',
  '@scheme',
  '@request-target',
  '@path',
  '@query',
  '@query-param',
])
const FLAGS: ReadonlySet<string> = new Set(['req', 'tr', 'bs', 'sf'])

function malformed(step: string): CountersignError {
  return new CountersignError('signature-malformed', { detail: { step } })
}

function plain(name: string, req = false): Component {
  const key = req ? `"${name}";req` : `"${name}"`
  const isDerived = name.startsWith('@')
  const none = undefined
  return { name, isDerived, req, tr: false, bs: false, sf: false, member: none, queryParam: none, key, identity: key }
}

function bound(component: Component): Component {
  if (isPlain(component)) return plain(component.name, true)
  const { name, isDerived, tr, bs, sf, member, queryParam } = component
  const key = `${component.key};req`
  // What this module wrote it can read: the parameters, to bring them into one order.
  const identity = identityOf(name, parseItem(key)?.params ?? NO_PARAMS)
  return { name, isDerived, req: true, tr, bs, sf, member, queryParam, key, identity }
}

/** The component by which an answer covers what a signature of its request, by its label, said of itself. */
export function inputOf(label: string): Component {
  const name = 'signature-input'
  const [key, identity] = [`"${name}";req;key="${label}"`, `"${name}";key="${label}";req`]
  const none = undefined
  return {
    name,
    isDerived: false,
    req: true,
    tr: false,
    bs: false,
    sf: false,
    member: label,
    queryParam: none,
    key,
    identity,
  }
}

/** Whether a component is a whole field or a derived one, without parameters. */
export function isPlain({ key, name }: Component): boolean {
  return key.length === name.length + 2
}

function identityOf(name: string, params: Iterable<readonly [string, BareItem]>): string {
  const sorted = [...params].sort(([a], [b]) => (a < b ? -1 : 1))
  return `"${name}"${serializeParams(sorted)}`
}

/** Identifiers that most messages have, made once. Nothing is ever added: a stranger cannot fill it. */
const KNOWN = new Map<string, Component>()
const KNOWN_BOUND = new Map<string, Component>()
const USUAL_NAMES =
  '@method @target-uri @authority @scheme @request-target @path @query @status accept accept-encoding accept-envelope ' +
  'accept-language authorization cache-control content-digest content-encoding content-envelope content-language ' +
  'content-type cookie etag idempotency-key if-match if-none-match last-modified location origin range referer ' +
  'retry-after sec-fetch-mode signature signature-input txn-token vary workload-identity-token x-powered-by'

for (const name of USUAL_NAMES.split(' ')) {
  const component = plain(name)
  KNOWN.set(name, component)
  if (name !== '@status') KNOWN_BOUND.set(name, bound(component))
}

/** The identifier of a whole field or a derived component, without parameters. */
export function componentOf(name: string): Component {
  const known = KNOWN.get(name)
  if (known !== undefined) return known
  checkName(name)
  return name === '@query-param' ? withParams(name, NO_PARAMS) : plain(name)
}

/** The identifier of a field, whatever it is called: a name beginning with `@` is no field's. */
export function fieldComponent(name: string): Component {
  // Condition: a field whose name begins with "@" is never covered as a derived component.
  if (name.startsWith('@')) throw malformed('name')
  return componentOf(name)
}

/** The same component taken from the request: what an answer covers of it. */
export function ofRequest(component: Component): Component {
  const known = isPlain(component) ? KNOWN_BOUND.get(component.name) : undefined
  return known ?? bound(component)
}

/** Reads the identifiers of one signature. */
export function readComponents(items: readonly Item[], kind: MessageKind): readonly Component[] {
  return checked(items.map(readComponent), kind)
}

/** The same from identifiers as an application writes them. */
export function parseComponents(texts: readonly string[], kind: MessageKind): readonly Component[] {
  return checked(texts.map(parseComponent), kind)
}

function checked(components: readonly Component[], kind: MessageKind): readonly Component[] {
  const seen = new Set<string>()
  for (const component of components) {
    checkKind(component, kind)
    // Condition: a component that is listed twice is refused, whatever the order of its parameters.
    if (seen.has(component.identity)) throw malformed('duplicate')
    seen.add(component.identity)
  }
  return components
}

/** Reads one identifier: a String with parameters. */
export function readComponent({ value, params }: Item): Component {
  // Condition: a component identifier that is not a string is refused.
  if (typeof value !== 'string') throw malformed('identifier')
  if (params.size === 0) return componentOf(value)
  if (params.size === 1 && params.get('req') === true) {
    const known = KNOWN_BOUND.get(value)
    if (known !== undefined) return known
  }
  checkName(value)
  return withParams(value, params)
}

function checkName(name: string): void {
  if (!name.startsWith('@')) {
    // Condition: a covered field whose name is not a field name in lower case is refused.
    if (!isAllOf(name, FIELD_NAME)) throw malformed('name')
    return
  }
  // Condition: a signature that lists its own parameters is refused.
  if (name === '@signature-params') throw malformed('signature-params')
  // Condition: an unknown derived component is refused, whatever field goes by its name.
  if (name !== '@status' && !REQUEST_NAMES.has(name)) throw malformed('derived')
}

function withParams(name: string, params: Params): Component {
  for (const [param, value] of params) checkParam(param, value)
  const isDerived = name.startsWith('@')
  const member = textOf(params, 'key')
  const queryParam = textOf(params, 'name')
  const [req, tr, bs, sf] = [params.has('req'), params.has('tr'), params.has('bs'), params.has('sf')]
  // Condition: a component with both "bs" and "sf" or "key" is refused.
  if (bs && (sf || member !== undefined)) throw malformed('bs')
  // Condition: a derived component with a parameter for fields is refused.
  if (isDerived && (tr || bs || sf || member !== undefined)) throw malformed('derived')
  // Condition: a query parameter component without a name, or another component with one, is refused.
  if ((name === '@query-param') !== (queryParam !== undefined)) throw malformed('query-param')
  const key = serializeString(name) + serializeParams(params)
  const identity = identityOf(name, params)
  return { name, isDerived, req, tr, bs, sf, member, queryParam, key, identity }
}

function textOf(params: Params, name: string): string | undefined {
  const value = params.get(name)
  return typeof value === 'string' ? value : undefined
}

function checkParam(param: string, value: BareItem): void {
  const isFlag = FLAGS.has(param)
  // Condition: a component with an unknown parameter is refused.
  if (!isFlag && param !== 'key' && param !== 'name') throw malformed('parameter')
  // Condition: a component parameter of the wrong type is refused.
  if (isFlag ? value !== true : typeof value !== 'string') throw malformed('parameter')
}

function checkKind(component: Component, kind: MessageKind): void {
  const { name, req } = component
  if (kind === 'request') {
    // Condition: a signature of a request that covers another request is refused.
    if (req) throw malformed('req')
    // Condition: a signature of a request that covers a status is refused.
    if (name === '@status') throw malformed('status')
    return
  }
  // Condition: an answer has no method and no target of its own, and its request has no status.
  if (component.isDerived && (name === '@status') === req) throw malformed('derived')
}

/**
 * Reads an identifier as an application writes it: a name alone (`content-type`, `@method`), or as it stands in the
 * field, in quotes and with parameters (`"content-digest";req`).
 */
export function parseComponent(text: string): Component {
  if (!text.startsWith('"')) return componentOf(text)
  const item = parseItem(text)
  if (item === undefined) throw malformed('identifier')
  return readComponent(item)
}
