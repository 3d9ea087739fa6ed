import { constants, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Fields, type HttpRequest, type HttpResponse } from '../../src/core/message.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { baseBytes, componentValue, signatureBase } from '../../src/signature/base.ts'
import { parseComponent, readComponents } from '../../src/signature/component.ts'
import { contentDigest, verifyContentDigest } from '../../src/signature/content-digest.ts'
import type { RequestMessage } from '../../src/signature/message-input.ts'
import { memberOf } from '../../src/signature/proof.ts'
import { signMessage } from '../../src/signature/sign-message.ts'
import { readSignatureFields } from '../../src/signature/signature-fields.ts'
import { serializeParams } from '../../src/signature/structured-fields/serialize.ts'
import { verifyMessage } from '../../src/signature/verify-message.ts'
import { vectorFile, vectorIt } from './load.ts'
import { httpMessage, publicMessage, type RawMessage, readRaw } from './raw-message.ts'

interface Key {
  jwk_private?: Jwk
  b64?: string
  alg: string
}

interface Case {
  id: string
  label: string
  keyid: string
  alg: string
  signature_input: string
  signature: string
  signature_base: string
  expected_valid?: boolean
  deterministic: boolean
  message?: string
  raw?: string
  request_raw?: string
}

interface Example {
  section: string
  headers?: [string, string][]
  trailers?: [string, string][]
  status?: number
  request?: string
  query?: string
  lines?: string[]
  forms?: [string, string][]
  queries?: [string, string][]
}

interface Vectors {
  keys: Record<string, Key>
  messages: Record<string, { raw: string }>
  cases: Case[]
  component_examples: Example[]
  must_error: string[]
  digests: (Record<'sha-256' | 'sha-512', string> & { body: string })[]
}

const vectors = vectorFile('rfc9421-vectors.json') as Vectors | undefined
const cases = vectors?.cases ?? []

/** The message of a case with its two fields, whether they are printed within it or beside it. */
function messageOf(test: Case): RawMessage {
  const raw = readRaw(test.raw ?? vectors?.messages[test.message ?? '']?.raw ?? '')
  if (raw.headers.some(([name]) => name === 'Signature')) return raw
  const added: [string, string][] = [
    ['Signature-Input', test.signature_input],
    ['Signature', test.signature],
  ]
  return { ...raw, headers: [...raw.headers, ...added] }
}

function requestOf(test: Case): RawMessage | undefined {
  return test.request_raw === undefined ? undefined : readRaw(test.request_raw)
}

function keyOf({ keyid }: Case): Jwk | Uint8Array {
  const key = vectors?.keys[keyid]
  // The file names the algorithm beside the key; a JWK has only names of JWS inside.
  if (key?.b64 !== undefined) return new Uint8Array(Buffer.from(key.b64, 'base64'))
  return key?.jwk_private ?? { kty: 'none' }
}

function baseOf(test: Case): { base: string; signature: Uint8Array } {
  const message = httpMessage(messageOf(test))
  const found = readSignatureFields(message.fields).find(({ label }) => label === test.label)
  if (found === undefined) throw new Error(`${test.id} has no ${test.label}`)
  const components = readComponents(found.input.items, 'status' in message ? 'answer' : 'request')
  const request = requestOf(test)
  const source = { message, request: request && (httpMessage(request) as HttpRequest) }
  const member = memberOf(components, serializeParams(found.input.params))
  return { base: signatureBase(components, member, source), signature: found.signature }
}

/** RSA is not an algorithm of this library: only these examples are signed with it. */
function rsaKey(test: Case) {
  const pss = test.alg === 'rsa-pss-sha512'
  const key = createPrivateKey({ format: 'jwk', key: keyOf(test) as never })
  const padding = pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 } : {}
  return {
    hash: pss ? 'sha512' : 'sha256',
    privateKey: { key, ...padding },
    publicKey: { key: createPublicKey(key), ...padding },
  }
}

function publicOptions(test: Case) {
  const request = requestOf(test)
  return request === undefined ? {} : { request: publicMessage(request) as RequestMessage }
}

describe('RFC 9421 examples', () => {
  vectorIt('are all here', () => {
    expect(cases.map(({ id }) => id)).toHaveLength(19)
  })

  for (const test of cases) {
    vectorIt(`${test.id}: the base is byte for byte the printed one`, () => {
      expect(baseOf(test).base).toBe(test.signature_base)
    })

    const holds = test.expected_valid !== false
    vectorIt(`${test.id}: the signature ${holds ? 'holds' : 'does not hold'}`, async () => {
      if (test.alg.startsWith('rsa')) {
        const { base, signature } = baseOf(test)
        const { hash, publicKey } = rsaKey(test)
        expect(verify(hash, Buffer.from(base), publicKey, signature)).toBe(holds)
        return
      }
      const proof = verifyMessage(publicMessage(messageOf(test)), {
        keys: (keyid) => (keyid === test.keyid ? keyOf(test) : undefined),
        label: test.label,
        requiredComponents: [],
        clock: { now: () => 1618884500_000 },
        ...publicOptions(test),
      })
      if (holds) expect(await proof).toMatchObject({ label: test.label, algorithm: test.alg, keyid: test.keyid })
      else await expect(proof).rejects.toMatchObject({ code: 'proof-invalid' })
    })

    if (!test.deterministic || !holds) continue
    vectorIt(`${test.id}: signing gives the very same bytes`, async () => {
      const { base, signature } = baseOf(test)
      if (test.alg.startsWith('rsa')) {
        const { hash, privateKey } = rsaKey(test)
        expect(sign(hash, Buffer.from(base), privateKey).equals(signature)).toBe(true)
        return
      }
      const components = test.signature_base
        .split('\n')
        .slice(0, -1)
        .map((line) => line.slice(0, line.indexOf(': ')))
      const headers = await signMessage(publicMessage(messageOf(test)), {
        label: test.label,
        components,
        key: keyOf(test),
        keyid: test.keyid,
        created: Number(/created=(\d+)/.exec(test.signature_input)?.[1]),
      })
      expect(headers).toEqual({ 'signature-input': test.signature_input, signature: test.signature })
    })
  }
})

/** The value of the component a printed line begins with, and what the line says it is. */
function compare(line: string, source: { message: HttpRequest | HttpResponse }) {
  const colon = line.indexOf(': ')
  const component = parseComponent(line.slice(0, colon))
  const fieldTypes = new Map([['example-dict', 'dictionary' as const]])
  expect(`${component.key}: ${componentValue(component, { ...source, fieldTypes })}`, line).toBe(line)
}

function getOf(target: string, method = 'GET'): HttpRequest {
  return { method, target, scheme: 'https', authority: 'www.example.com', fields: new Fields([]) }
}

function sourceOf(example: Example): HttpRequest | HttpResponse {
  const { headers = [], trailers, status, request, query } = example
  const fields = Fields.fromEntries(headers)
  if (trailers !== undefined) return { status: status ?? 200, fields, trailers: Fields.fromEntries(trailers) }
  if (query !== undefined) return getOf(`/path${query}`)
  if (request === undefined) return { ...getOf('/'), fields }
  const [method = '', uri = ''] = request.split(' ')
  const url = new URL(uri)
  return { method, target: url.pathname + url.search, scheme: 'https', authority: url.host, fields }
}

describe('RFC 9421 component values', () => {
  vectorIt('are all here', () => expect(vectors?.component_examples).toHaveLength(10))

  for (const example of vectors?.component_examples ?? []) {
    vectorIt(`section ${example.section}`, () => {
      const message = sourceOf(example)
      for (const line of example.lines ?? []) compare(line, { message })
      for (const [form, line] of example.forms ?? []) {
        const words = form.split(' ')
        compare(line, { message: getOf(words.at(-1) ?? '', words.at(-2)) })
      }
      for (const [query, line] of example.queries ?? []) {
        compare(line, { message: getOf(query === '(absent)' ? '/path' : `/path${query}`) })
      }
    })
  }
})

const message: HttpRequest = {
  method: 'GET',
  target: '/path?a=1&a=2',
  scheme: 'https',
  authority: 'example.com',
  fields: new Fields(['Example-Dict', 'a=1', 'Fold', 'one\r\ntwo', 'Accent', 'caf\u00e9', '@Method', 'POST']),
}

function refusalOf(identifiers: string[]): unknown {
  try {
    const items = identifiers.map((text) => {
      const { input } =
        readSignatureFields(new Fields(['Signature-Input', `s=(${text})`, 'Signature', 's=::']))[0] ?? {}
      return input?.items[0] ?? { value: '', params: new Map() }
    })
    const components = readComponents(items, 'request')
    baseBytes(signatureBase(components, '()', { message }))
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}

/** The list of the vectors, each with what shows it here and the code it is refused with. */
const MUST_ERROR: [string, () => unknown, string][] = [
  [
    'component listed twice (params compared order-insensitively)',
    () => refusalOf(['"example-dict";sf;key="a"', '"example-dict";key="a";sf']),
    'signature-malformed',
  ],
  ['@signature-params listed as covered', () => refusalOf(['"@signature-params"']), 'signature-malformed'],
  ['unknown derived component', () => refusalOf(['"@client"']), 'signature-malformed'],
  ['field absent from message', () => refusalOf(['"not-there"']), 'proof-invalid'],
  ['unknown component parameter', () => refusalOf(['"example-dict";foo']), 'signature-malformed'],
  ['bs together with sf or key', () => refusalOf(['"example-dict";bs;sf']), 'signature-malformed'],
  ['req on a request signature', () => refusalOf(['"@method";req']), 'signature-malformed'],
  ['@status on a request', () => refusalOf(['"@status"']), 'signature-malformed'],
  [
    '@query-param name that occurs zero times or more than once',
    () => refusalOf(['"@query-param";name="a"']),
    'proof-invalid',
  ],
  ['key= naming a dictionary member that does not exist', () => refusalOf(['"example-dict";key="b"']), 'proof-invalid'],
  ['sf on a field whose structured type is unknown', () => refusalOf(['"example-dict";sf']), 'proof-invalid'],
  ['newline or non-ASCII in any component value', () => refusalOf(['"accent"']), 'proof-invalid'],
  [
    'label present in only one of Signature / Signature-Input',
    () => {
      try {
        readSignatureFields(new Fields(['Signature-Input', 'a=()', 'Signature', 'b=::']))
        return undefined
      } catch (error) {
        return (error as { code?: string }).code
      }
    },
    'signature-malformed',
  ],
  [
    'name starting with @ taken from a header field',
    () => {
      expect(componentValue(parseComponent('@method'), { message })).toBe('GET')
      return refusalOf(['"@Method"'])
    },
    'signature-malformed',
  ],
]

describe('RFC 9421 must-error list', () => {
  vectorIt('is all here', () => {
    expect(MUST_ERROR.map(([name]) => name)).toEqual(vectors?.must_error)
  })
  for (const [name, refuse, code] of MUST_ERROR) {
    it(name, () => {
      expect(refuse()).toBe(code)
    })
  }
  it('the other half of each pair', () => {
    expect(refusalOf(['"example-dict";bs;key="a"'])).toBe('signature-malformed')
    expect(refusalOf(['"@query-param";name="none"'])).toBe('proof-invalid')
    expect(refusalOf(['"fold"'])).toBe('proof-invalid')
    expect(refusalOf(['"example-dict"', '"example-dict";key="a"', '"@query"'])).toBeUndefined()
  })
})

describe('RFC 9530 digests', () => {
  vectorIt('SHA-256 and SHA-512 of the printed bodies', async () => {
    for (const digest of vectors?.digests ?? []) {
      const body = new TextEncoder().encode(digest.body)
      expect(await contentDigest(body)).toBe(`sha-256=:${digest['sha-256']}:`)
      await verifyContentDigest(`sha-256=:${digest['sha-256']}:, sha-512=:${digest['sha-512']}:`, body)
      await verifyContentDigest(`sha-512=:${digest['sha-512']}:`, body)
    }
    expect(vectors?.digests).toHaveLength(4)
  })
})
