/**
 * Which fields of a request name a person, a workload, a certificate, a transaction or an address, or another method or
 * target than its own. Handlers, frameworks and what stands behind them believe such names. `docs/headers.md` has all of
 * these lists; it is names that are judged, never values.
 */

/** Families: the name itself, with or without `x-` before it, and whatever goes on behind it. */
export const FAMILIES: readonly string[] = [
  // Proxies and meshes.
  'remote',
  'ssl',
  'tls',
  'envoy',
  'istio',
  'l5d',
  'proxy',
  'original',
  'rewrite',
  'replaced',
  // What says to whom a request belongs.
  'auth-request',
  'client-id',
  'client-dn',
  'client-verify',
  'credential',
  'on-behalf-of',
  'peer',
  'service-id',
  'service-name',
  'workload',
  'wimse',
  'countersign',
  'txn',
  'txntoken',
  'transaction-token',
  // Gateways and clouds.
  'amzn-mtls',
  'amzn-request-context',
  'apigateway',
  'cf-access',
  'iv',
  'ms-token',
  'sm',
  'tailscale',
  // What stands in for method and target.
  'http-method',
  'invoke',
  'method',
  'middleware',
  'script-name',
]

/** What names somebody wherever it stands in a name, within a word too: `user` is in `x-webauth-user` and `smuser`. */
export const STEMS: readonly string[] = [
  'assertion',
  'authenticated',
  'authentik',
  'client-cert',
  'clientcert',
  'clientip',
  'email',
  'forwarded',
  'identit',
  'impersonat',
  'oidc',
  'pomerium',
  'principal',
  'saml',
  'socketip',
  'spiffe',
  'user',
]

/** What does so only as a word of its own. */
export const WORDS: readonly string[] = [
  'actor',
  'addr',
  'address',
  'caller',
  'claim',
  'claims',
  'consumer',
  'dn',
  'entitlements',
  'eppn',
  'group',
  'groups',
  'ip',
  'ipv4',
  'ipv6',
  'jwt',
  'login',
  'mail',
  'override',
  'path',
  'permission',
  'permissions',
  'person',
  'privileges',
  'role',
  'roles',
  'scopes',
  'sub',
  'subject',
  'uid',
  'upn',
]

/** Whole names that say it by no word of theirs. */
export const NAMES: readonly string[] = ['from', 'x-host']

/** `Signature-Agent`, `Signature-Key`; the signatures of webhooks, such as `X-Signature-Ed25519`, name nobody. */
const OF_SIGNATURES = '^signature(?:-|$)'

/** What a browser or a client library says of itself. */
const OF_CLIENTS = /user-agent|^sec-fetch-user$/g

const NAMING = new RegExp(
  [
    `^(?:x-)?(?:${FAMILIES.join('|')})(?:-|$)`,
    STEMS.join('|'),
    `(?:^|-)(?:${WORDS.join('|')})(?:-|$)`,
    `^(?:${NAMES.join('|')})$`,
    OF_SIGNATURES,
  ].join('|'),
)

const PLAIN = /^[a-z0-9]+(?:-[a-z0-9]+)*$/

/**
 * Gives the spelling that all spellings of a name come to. Bridges to CGI, WSGI, Rack and PHP write `X_User`, `X-User` and
 * `X.User` the same way: whoever stands behind one cannot tell them apart. Takes the name in lower case.
 */
export function foldedName(name: string): string {
  return PLAIN.test(name) ? name : name.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
}

/** Whether a field, its name folded, names somebody or another request. */
export function isNaming(folded: string): boolean {
  return NAMING.test(folded) && NAMING.test(folded.replace(OF_CLIENTS, ''))
}
