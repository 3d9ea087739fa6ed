import { describe, expect, it } from 'vitest'
import { fromUtf8 } from '../../src/core/bytes.ts'
import { Fields, type HttpRequest, type HttpResponse } from '../../src/core/message.ts'
import { baseBytes, componentValue, signatureBase } from '../../src/signature/base.ts'
import { parseComponent, parseComponents } from '../../src/signature/component.ts'
import { refused } from './refusal.ts'

const request: HttpRequest = {
  method: 'POST',
  target: '/a',
  fields: new Fields(['X-Kind', 'request', 'Bad', 'a\nb', 'Worse', 'a\rb', 'Accent', 'caf\u00e9']),
}
const response: HttpResponse = {
  status: 204,
  fields: new Fields(['X-Kind', 'answer']),
  trailers: new Fields(['X-Kind', 'trailer']),
}
const ofAnswer = (text: string) => componentValue(parseComponent(text), { message: response, request })

describe('signature bases', () => {
  it('take each component from where it says', () => {
    expect(['@status', '"@method";req', 'x-kind', '"x-kind";req', '"x-kind";tr'].map(ofAnswer)).toEqual([
      ...['204', 'POST', 'answer', 'request', 'trailer'],
    ])
  })

  it('are a line a component, and end on the parameters', () => {
    const components = parseComponents(['@method', 'x-kind'], 'request')
    const base = signatureBase(components, '("@method" "x-kind");tag="t"', { message: request })
    expect(base).toBe('"@method": POST\n"x-kind": request\n"@signature-params": ("@method" "x-kind");tag="t"')
    expect(fromUtf8(baseBytes(base))).toBe(base)
    expect(signatureBase([], '()', { message: request })).toBe('"@signature-params": ()')
  })

  it('a component value with a line break is refused', () => {
    for (const name of ['bad', 'worse']) {
      const value = () => componentValue(parseComponent(name), { message: request })
      expect(refused(value)).toEqual(['proof-invalid', name])
    }
  })

  it('a component of a request that is not known has no value', () => {
    const value = () => componentValue(parseComponent('"x-kind";req'), { message: response })
    expect(refused(value)).toEqual(['proof-invalid', 'x-kind'])
  })

  it('a signature base that is not ASCII is refused', () => {
    const components = parseComponents(['x-kind', 'accent'], 'request')
    const base = signatureBase(components, '()', { message: request })
    expect(refused(() => baseBytes(base))).toEqual(['proof-invalid', 'accent'])
  })

  it('have nothing where there are no trailers, and no status but one of three digits', () => {
    const trailer = () => componentValue(parseComponent('"x-kind";tr'), { message: request })
    expect(refused(trailer)).toEqual(['proof-invalid', 'x-kind'])
    for (const status of [99, 1000, 200.5]) {
      const value = () => componentValue(parseComponent('@status'), { message: { status, fields: new Fields([]) } })
      expect(refused(value)).toEqual(['proof-invalid', '@status'])
    }
    expect(refused(() => ofAnswer('@method'))).toEqual(['proof-invalid', '@method'])
  })
})
