import type { PolicyRule } from '../../src/policy/document.ts'

/** One question and what the promised semantics answer. `rule` is the rule that must be named. */
export interface Row {
  readonly title: string
  readonly rules: readonly Partial<PolicyRule>[]
  readonly ask: {
    readonly id?: string
    readonly by?: string
    readonly scopes?: readonly string[]
    readonly also?: readonly string[]
    readonly call: string
    readonly sealed?: boolean
  }
  readonly effect: 'allow' | 'deny'
  readonly rule?: string
  readonly code?: 'policy-denied' | 'encryption-required'
  readonly observed?: true
}

/** The time at which the rows are asked. */
export const NOW = Date.parse('2027-01-01T12:00:00Z')

const ORDERS = 'spiffe://acme.internal/orders'
const DEEP = 'spiffe://acme.internal/shop/orders/eu'

type Ask = Row['ask']
type Expected = Pick<Row, 'effect' | 'rule' | 'code' | 'observed'>

function row(title: string, rules: Row['rules'], ask: Ask | string, expected: Expected): Row {
  return { title, rules, ask: typeof ask === 'string' ? { call: ask } : ask, ...expected }
}

const allowed: Expected = { effect: 'allow', rule: 'r0' }
const denied: Expected = { effect: 'deny', code: 'policy-denied' }
const deniedBy = (rule: string): Expected => ({ effect: 'deny', code: 'policy-denied', rule })
const unsealed: Expected = { effect: 'deny', code: 'encryption-required', rule: 'r0' }
const wouldDeny = (rule: string): Expected => ({ effect: 'allow', rule, code: 'policy-denied', observed: true })

const allow = (...to: string[]): Partial<PolicyRule> => ({ to })
const deny = (...to: string[]): Partial<PolicyRule> => ({ effect: 'deny', to })
const from = (...names: string[]): Partial<PolicyRule> => ({ from: names })
const everything = allow('* /*')

const byDefault: Row[] = [
  row('no rule at all denies', [], 'GET /', denied),
  row('a rule for something else denies', [allow('GET /a')], 'GET /b', denied),
  row('an allow that matches allows and is named', [allow('GET /a')], 'GET /a', allowed),
  row('the first of two allows is named', [allow('GET /a'), everything], 'GET /a', allowed),
  row('the allow that matches is named', [allow('GET /b'), everything], 'GET /a', { effect: 'allow', rule: 'r1' }),
  row('a deny alone allows nothing else', [deny('GET /a')], 'GET /b', denied),
]

const denials: Row[] = [
  row('a matching deny beats an allow before it', [everything, deny('GET /a')], 'GET /a', deniedBy('r1')),
  row('a matching deny beats an allow behind it', [deny('GET /a'), everything], 'GET /a', deniedBy('r0')),
  row('a broad deny beats a narrow allow', [allow('GET /a'), deny('* /*')], 'GET /a', deniedBy('r1')),
  row('the first of two denies is named', [everything, deny('* /a'), deny('* /*')], 'GET /a', deniedBy('r1')),
  row('a deny for another path leaves the allow', [everything, deny('GET /b')], 'GET /a', allowed),
  row('a deny for another method leaves the allow', [everything, deny('POST /a')], 'GET /a', allowed),
  row(
    'a deny for another caller leaves the allow',
    [everything, { ...deny('* /*'), ...from('spiffe://acme.internal/shop') }],
    'GET /a',
    allowed,
  ),
  row(
    'a deny for one caller beats an allow for all',
    [
      { ...everything, ...from('spiffe://acme.internal/**') },
      { ...deny('* /*'), ...from(ORDERS) },
    ],
    'GET /a',
    deniedBy('r1'),
  ),
]

const callers: Row[] = (
  [
    ['an exact id', ORDERS, ORDERS, true],
    ['another id', 'spiffe://acme.internal/shop', ORDERS, false],
    ['an id that continues the rule', ORDERS, `${ORDERS}2`, false],
    ['an id below the rule', ORDERS, `${ORDERS}/eu`, false],
    ['an id in another case', ORDERS, 'spiffe://acme.internal/Orders', false],
    ['an id of another scheme', ORDERS, 'wimse://acme.internal/orders', false],
    ['/* and one segment', 'spiffe://acme.internal/*', ORDERS, true],
    ['/* and three segments', 'spiffe://acme.internal/*', DEEP, false],
    ['/* and another domain', 'spiffe://acme.internal/*', 'spiffe://evil.internal/orders', false],
    ['/* and a domain that begins alike', 'spiffe://acme.internal/*', 'spiffe://acme.internal.evil/orders', false],
    ['/* deeper', 'spiffe://acme.internal/shop/orders/*', DEEP, true],
    ['/** and one segment', 'spiffe://acme.internal/**', ORDERS, true],
    ['/** and three segments', 'spiffe://acme.internal/**', DEEP, true],
    ['/** deeper', 'spiffe://acme.internal/shop/**', DEEP, true],
    ['/** and its own base', 'spiffe://acme.internal/shop/**', 'spiffe://acme.internal/shop', false],
    ['/** and a base that begins alike', 'spiffe://acme.internal/shop/**', 'spiffe://acme.internal/shops/a', false],
    ['/** and an empty segment', 'https://issuer.test/**', 'https://issuer.test/a//b', false],
    ['/* and a subject that is an asterisk', 'https://issuer.test/*', 'https://issuer.test/*', true],
    ['an API key', 'api-key:billing', 'api-key:billing', true],
    ['anonymous', 'anonymous', 'anonymous', true],
    ['anonymous and a pattern', 'spiffe://acme.internal/**', 'anonymous', false],
    ['a proven caller and anonymous', 'anonymous', ORDERS, false],
  ] as const
).map(([title, pattern, id, holds]) =>
  row(`from: ${title}`, [{ ...everything, ...from(pattern) }], { id, call: 'GET /a' }, holds ? allowed : denied),
)

const severalCallers: Row[] = [
  row('from: any of several', [{ ...everything, ...from('spiffe://b.test/b', ORDERS) }], 'GET /a', allowed),
  row(
    'a deny of anonymous does not touch the proven',
    [everything, { ...deny('* /*'), ...from('anonymous') }],
    'GET /a',
    allowed,
  ),
]

const exactPaths: Row[] = (
  [
    ['POST /charges', 'POST /charges', true],
    ['POST /charges', 'GET /charges', false],
    ['* /charges', 'DELETE /charges', true],
    ['POST /charges', 'POST /charges/', false],
    ['POST /charges/', 'POST /charges/', true],
    ['POST /charges/', 'POST /charges', false],
    ['POST /charges', 'POST /Charges', false],
    ['POST /charges', 'post /charges', false],
    ['POST /charges', 'POST /charges/7', false],
    ['POST /charges', 'POST /charge', false],
    ['POST /charges', 'POST /a/charges', false],
    ['GET /', 'GET /', true],
    ['GET /', 'GET /a', false],
    ['GET /charges/:id', 'GET /charges/7', true],
    ['GET /charges/:id', 'GET /charges/', false],
    ['GET /charges/:id', 'GET /charges', false],
    ['GET /charges/:id', 'GET /charges/7/', false],
    ['GET /charges/:id', 'GET /charges/7/lines', false],
    ['GET /charges/:id/lines', 'GET /charges/7/lines', true],
    ['GET /charges/:id/lines', 'GET /charges/7/8/lines', false],
    ['GET /:a/:b', 'GET /x/y', true],
    ['GET /:a', 'GET /', false],
    ['GET /charges/:id', 'GET /charges/%20', true],
    ['GET /charges/*', 'GET /charges/7', true],
    ['GET /charges/*', 'GET /charges/7/lines/8', true],
    ['GET /charges/*', 'GET /charges/', true],
    ['GET /charges/*', 'GET /charges', false],
    ['GET /charges/*', 'GET /chargesx/7', false],
    ['GET /*', 'GET /', true],
    ['GET /*', 'GET /a/b/c', true],
    ['GET /:a/*', 'GET /x/y/z', true],
    ['GET /:a/*', 'GET /x', false],
    ['GET /v1/items:batch', 'GET /v1/items:batch', true],
    ['GET /v1/items:batch', 'GET /v1/items:other', false],
    ['GET /a%20b', 'GET /a%20b', true],
    ['GET /a@b', 'GET /a%40b', false],
    ['GET /charges', 'HEAD /charges', true],
    ['POST /charges', 'HEAD /charges', false],
    ['* /charges', 'HEAD /charges', true],
    ['GET /charges', 'OPTIONS /charges', false],
  ] as const
).map(([to, call, holds]) => row(`allow ${to} and ${call}`, [allow(to)], call, holds ? allowed : denied))

const deniedPaths: Row[] = (
  [
    ['GET /admin', 'GET /admin', true],
    ['GET /admin', 'GET /admin/', true],
    ['GET /admin', 'GET /ADMIN', true],
    ['GET /admin', 'GET /Admin/', true],
    ['GET /Admin', 'GET /admin', true],
    ['GET /admin/', 'GET /admin', true],
    ['GET /admin', 'GET /admins', false],
    ['GET /admin', 'GET /admin/users', false],
    ['GET /admin', 'HEAD /admin', true],
    ['GET /admin', 'get /admin', true],
    ['GET /admin', 'POST /admin', false],
    ['* /admin', 'BREW /admin', true],
    ['GET /admin/:id', 'GET /Admin/7', true],
    ['GET /admin/:id', 'GET /admin/7/', true],
    ['GET /admin/:id', 'GET /admin/', false],
    ['GET /admin/:id', 'GET /admin', false],
    ['GET /admin/*', 'GET /ADMIN/a/b', true],
    ['GET /admin/*', 'GET /admin/', true],
    ['GET /admin/*', 'GET /admin', true],
    ['GET /admin/*', 'GET /administrator', false],
    ['GET /users/@me', 'GET /users/%40me', true],
    ['GET /users/@me', 'GET /users/%40ME/', true],
    ['GET /', 'GET /', true],
    ['GET /', 'GET /a', false],
  ] as const
).map(([to, call, holds]) =>
  row(`deny ${to} and ${call}`, [everything, deny(to)], call, holds ? deniedBy('r1') : allowed),
)

const conditions: Row[] = [
  row('sealed demanded and given', [{ when: { sealed: true } }], { call: 'GET /a', sealed: true }, allowed),
  row('only sealed is missing', [{ when: { sealed: true } }], 'GET /a', unsealed),
  row('sealed and the path are missing', [{ ...allow('GET /b'), when: { sealed: true } }], 'GET /a', denied),
  row(
    'sealed and the scope are missing',
    [{ when: { sealed: true, scope: ['x'] } }],
    { call: 'GET /a', scopes: ['y'] },
    denied,
  ),
  row('sealed is missing and a deny matches', [{ when: { sealed: true } }, deny('* /a')], 'GET /a', deniedBy('r1')),
  row('sealed is missing, another rule allows', [{ when: { sealed: true } }, everything], 'GET /a', {
    effect: 'allow',
    rule: 'r1',
  }),
  row(
    'a deny of sealed calls and a sealed call',
    [everything, { ...deny('* /*'), when: { sealed: true } }],
    { call: 'GET /a', sealed: true },
    deniedBy('r1'),
  ),
  row(
    'a deny of sealed calls and a plain call',
    [everything, { ...deny('* /*'), when: { sealed: true } }],
    'GET /a',
    allowed,
  ),
  row(
    'an observing deny that lacks sealing',
    [{ when: { sealed: true } }, { ...deny('* /*'), mode: 'observe' }],
    'GET /a',
    {
      ...unsealed,
    },
  ),
  row('one way to authenticate, the right one', [{ when: { authenticatedBy: ['signature'] } }], 'GET /a', allowed),
  row(
    'one way to authenticate, another one',
    [{ when: { authenticatedBy: ['session'] } }],
    { call: 'GET /a', by: 'bearer' },
    denied,
  ),
  row('an API key alone, where no rule lists it', [everything], { call: 'GET /a', by: 'api-key' }, denied),
  row('an API key alone, sealed', [{ when: { sealed: true } }], { call: 'GET /a', by: 'api-key' }, denied),
  row(
    'an API key alone, where a rule lists it',
    [everything, { when: { authenticatedBy: ['session', 'api-key'] } }],
    { call: 'GET /a', by: 'api-key' },
    { effect: 'allow', rule: 'r1' },
  ),
  row('an API key and another proof', [everything], { call: 'GET /a', by: 'api-key', also: ['bearer'] }, allowed),
  row(
    'an API key alone, denied by a rule that lists nothing',
    [{ when: { authenticatedBy: ['api-key'] } }, deny('* /*')],
    { call: 'GET /a', by: 'api-key' },
    deniedBy('r1'),
  ),
  row('any of two ways to authenticate', [{ when: { authenticatedBy: ['session', 'signature'] } }], 'GET /a', allowed),
  row(
    'a further proof counts as a way to authenticate',
    [{ when: { authenticatedBy: ['bearer'] } }],
    { call: 'GET /a', also: ['bearer'] },
    allowed,
  ),
  row('a scope that is there', [{ when: { scope: ['x'] } }], { call: 'GET /a', scopes: ['w', 'x'] }, allowed),
  row('a scope that is not there', [{ when: { scope: ['x'] } }], { call: 'GET /a', scopes: ['w'] }, denied),
  row('no scopes at all', [{ when: { scope: ['x'] } }], 'GET /a', denied),
  row('two scopes, one there', [{ when: { scope: ['x', 'y'] } }], { call: 'GET /a', scopes: ['x'] }, denied),
  row('two scopes, both there', [{ when: { scope: ['x', 'y'] } }], { call: 'GET /a', scopes: ['y', 'x'] }, allowed),
  row('a scope that begins alike', [{ when: { scope: ['x'] } }], { call: 'GET /a', scopes: ['xy'] }, denied),
  row(
    'all conditions must hold',
    [{ when: { sealed: true, authenticatedBy: ['session'], scope: ['x'] } }],
    { call: 'GET /a', by: 'session', scopes: ['x'], sealed: true },
    allowed,
  ),
  row('no condition in a when', [{ when: {} }], 'GET /a', allowed),
  row(
    'a deny with a condition that holds',
    [everything, { ...deny('* /*'), when: { authenticatedBy: ['bearer'] } }],
    { call: 'GET /a', by: 'bearer' },
    deniedBy('r1'),
  ),
  row(
    'a deny with a condition that does not hold',
    [everything, { ...deny('* /*'), when: { authenticatedBy: ['bearer'] } }],
    'GET /a',
    allowed,
  ),
]

const time: Row[] = [
  row('an allow before its end', [{ notAfter: '2027-01-01T12:00:01Z' }], 'GET /a', allowed),
  row('an allow at its end', [{ notAfter: '2027-01-01T12:00:00Z' }], 'GET /a', allowed),
  row('an allow after its end', [{ notAfter: '2027-01-01T11:59:59.999Z' }], 'GET /a', denied),
  row('an end with an offset', [{ notAfter: '2027-01-01T13:30:00+02:00' }], 'GET /a', denied),
  row(
    'a deny before its end',
    [everything, { ...deny('* /*'), notAfter: '2028-01-01T00:00:00Z' }],
    'GET /a',
    deniedBy('r1'),
  ),
  row('a deny after its end', [everything, { ...deny('* /*'), notAfter: '2026-01-01T00:00:00Z' }], 'GET /a', allowed),
  row(
    'sealed is missing of an allow after its end',
    [{ when: { sealed: true }, notAfter: '2026-01-01T00:00:00Z' }],
    'GET /a',
    denied,
  ),
]

const modes: Row[] = [
  row('a deny that enforces', [everything, { ...deny('* /*'), mode: 'enforce' }], 'GET /a', deniedBy('r1')),
  row('a deny that observes', [everything, { ...deny('* /*'), mode: 'observe' }], 'GET /a', wouldDeny('r1')),
  row('a deny that observes something else', [everything, { ...deny('* /b'), mode: 'observe' }], 'GET /a', allowed),
  row('a deny that observes where nothing allows', [{ ...deny('* /*'), mode: 'observe' }], 'GET /a', denied),
  row(
    'a deny that observes and one that enforces',
    [everything, { ...deny('* /*'), mode: 'observe' }, deny('* /a')],
    'GET /a',
    deniedBy('r2'),
  ),
  row('an allow that observes allows nothing', [{ ...everything, mode: 'observe' }], 'GET /a', denied),
  row('an allow that observes asks for no sealing', [{ when: { sealed: true }, mode: 'observe' }], 'GET /a', denied),
  row('an allow that observes, another that enforces', [{ ...everything, mode: 'observe' }, everything], 'GET /a', {
    effect: 'allow',
    rule: 'r1',
  }),
]

const spellings: Row[] = [
  'GET /a/../b',
  'GET /./a',
  'GET //a',
  'GET /a%2Fb',
  'GET /a%2fb',
  'GET /%61',
  'GET /a%5Cb',
  'GET /a\\b',
  'GET /a%252Fb',
  'GET /a?b',
  'GET /a#b',
  'GET a',
  'GET ',
  'GET /a%',
  'GET /a%00',
  'GET /ä',
  'GET http://a/b',
  'GET *',
].map((call) => row(`a path that is not canonical: ${call}`, [everything], call, denied))

export const rows: readonly Row[] = [
  ...byDefault,
  ...denials,
  ...callers,
  ...severalCallers,
  ...exactPaths,
  ...deniedPaths,
  ...conditions,
  ...time,
  ...modes,
  ...spellings,
]
