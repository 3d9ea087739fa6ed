import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import {
  componentOf,
  fieldComponent,
  inputOf,
  isPlain,
  type MessageKind,
  ofRequest,
  parseComponent,
  parseComponents,
  readComponent,
} from '../../src/signature/component.ts'
import { refused } from './refusal.ts'

const read = (texts: string[], kind: MessageKind = 'request') => parseComponents(texts, kind)
const step = (text: string, kind?: MessageKind) => refused(() => read([text], kind))

describe('component identifiers', () => {
  it('are read with their parameters, which are written as they were', () => {
    expect(parseComponent('"example-dict";req;key="a\\"b"')).toEqual({
      name: 'example-dict',
      isDerived: false,
      req: true,
      tr: false,
      bs: false,
      sf: false,
      member: 'a"b',
      queryParam: undefined,
      key: '"example-dict";req;key="a\\"b"',
      identity: '"example-dict";key="a\\"b";req',
    })
    expect(parseComponent('"@query-param";name="a"')).toMatchObject({ isDerived: true, queryParam: 'a' })
    expect(parseComponent('"x-y";tr;sf')).toMatchObject({ tr: true, sf: true, bs: false })
    expect(parseComponent('"x-y";bs')).toMatchObject({ bs: true })
  })

  it('are the same, however they are made', () => {
    for (const name of ['content-type', 'x-tenant', '@method']) {
      expect(componentOf(name)).toEqual(parseComponent(`"${name}"`))
      expect(ofRequest(componentOf(name))).toEqual(parseComponent(`"${name}";req`))
      expect(isPlain(componentOf(name))).toBe(true)
      expect(isPlain(ofRequest(componentOf(name)))).toBe(false)
    }
    expect(ofRequest(parseComponent('"x-y";sf'))).toEqual(parseComponent('"x-y";sf;req'))
    expect(ofRequest(parseComponent('"x-y";key="a";sf'))).toEqual(parseComponent('"x-y";key="a";sf;req'))
    expect(inputOf('wimse')).toEqual(parseComponent('"signature-input";req;key="wimse"'))
  })

  it('a component identifier that is not a string is refused', () => {
    for (const value of [1, true, { type: 'token', value: 'content-type' } as const]) {
      expect(refused(() => readComponent({ value, params: new Map() }))).toEqual(['signature-malformed', 'identifier'])
    }
    for (const text of ['"', '"a" ;', '"a"b']) expect(step(text)).toEqual(['signature-malformed', 'identifier'])
  })

  it('a covered field whose name is not a field name in lower case is refused', () => {
    for (const text of ['', 'Content-Type', 'content type', 'x:y', 'ä', '"a\\"b"']) {
      expect(step(text), text).toEqual(['signature-malformed', 'name'])
    }
  })

  it('a signature that lists its own parameters is refused', () => {
    expect(step('@signature-params')).toEqual(['signature-malformed', 'signature-params'])
    expect(step('"@signature-params";req', 'answer')).toEqual(['signature-malformed', 'signature-params'])
  })

  it('an unknown derived component is refused, whatever field goes by its name', () => {
    for (const text of ['@', '@body', '@Method', '"@request-response"']) {
      expect(step(text), text).toEqual(['signature-malformed', 'derived'])
    }
  })

  it('a field whose name begins with "@" is never covered as a derived component', () => {
    expect(refused(() => fieldComponent('@method'))).toEqual(['signature-malformed', 'name'])
    expect(fieldComponent('x-method').isDerived).toBe(false)
  })

  it('a component with both "bs" and "sf" or "key" is refused', () => {
    expect(step('"x-y";bs;sf')).toEqual(['signature-malformed', 'bs'])
    expect(step('"x-y";key="a";bs')).toEqual(['signature-malformed', 'bs'])
  })

  it('a derived component with a parameter for fields is refused', () => {
    for (const param of ['tr', 'bs', 'sf', 'key="a"']) {
      expect(step(`"@method";${param}`), param).toEqual(['signature-malformed', 'derived'])
    }
  })

  it('a query parameter component without a name, or another component with one, is refused', () => {
    for (const text of ['@query-param', '"@query-param"', '"@query";name="a"', '"x-y";name="a"']) {
      expect(step(text), text).toEqual(['signature-malformed', 'query-param'])
    }
    expect(step('"@query-param";req', 'answer')).toEqual(['signature-malformed', 'query-param'])
  })

  it('a component with an unknown parameter is refused', () => {
    for (const text of ['"x-y";foo', '"@method";foo=1', '"x-y";sf;x="y"']) {
      expect(step(text), text).toEqual(['signature-malformed', 'parameter'])
    }
  })

  it('a component parameter of the wrong type is refused', () => {
    for (const text of ['"x-y";sf=?0', '"x-y";bs=1', '"x-y";key', '"x-y";key=a', '"@query-param";name=a']) {
      expect(step(text), text).toEqual(['signature-malformed', 'parameter'])
    }
  })

  it('a component that is listed twice is refused, whatever the order of its parameters', () => {
    const pairs = [
      ['@method', '"@method"'],
      ['x-y', '"x-y"'],
      ['"x-y";sf;key="a"', '"x-y";key="a";sf'],
      ['"x-y";key="a";sf', '"x-y";sf;key="a"'],
    ]
    for (const pair of pairs) expect(refused(() => read(pair))).toEqual(['signature-malformed', 'duplicate'])
    expect(read(['x-y', '"x-y";sf', '"x-y";key="a"', '"x-y";key="b"', '"x-y";bs', '"x-y";tr'])).toHaveLength(6)
    expect(read(['content-type', '"content-type";req'], 'answer')).toHaveLength(2)
  })

  it('a signature of a request that covers another request is refused', () => {
    expect(step('"@method";req')).toEqual(['signature-malformed', 'req'])
    expect(step('"content-type";req')).toEqual(['signature-malformed', 'req'])
  })

  it('a signature of a request that covers a status is refused', () => {
    expect(step('@status')).toEqual(['signature-malformed', 'status'])
  })

  it('an answer has no method and no target of its own, and its request has no status', () => {
    expect(step('@method', 'answer')).toEqual(['signature-malformed', 'derived'])
    expect(step('@path', 'answer')).toEqual(['signature-malformed', 'derived'])
    expect(step('"@status";req', 'answer')).toEqual(['signature-malformed', 'derived'])
    expect(read(['@status', '"@method";req', 'date', '"date";req'], 'answer')).toHaveLength(4)
  })

  it('no text does more than be refused', () => {
    const characters = fc.constantFrom(...'"@;=abmethodkeysfreqtr \\?1.A-')
    fc.assert(
      fc.property(fc.string({ unit: characters }), (text) => {
        try {
          parseComponents([text], 'answer')
        } catch (error) {
          expect(error).toBeInstanceOf(CountersignError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
