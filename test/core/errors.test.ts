import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type Code, codeEntry, codes, problemKind } from '../../src/core/codes.ts'
import { CountersignError, isCountersignError } from '../../src/core/errors.ts'

const all = Object.keys(codes) as Code[]

describe('codes', () => {
  it('give a kind, a status that fits it, and one sentence each', () => {
    const statuses: Record<string, readonly number[]> = {
      config: [500],
      malformed: [400, 413, 415],
      unauthenticated: [400, 401, 403],
      forbidden: [403],
      limited: [429],
      unopened: [400],
      unavailable: [500, 501, 503],
      upstream: [502],
    }
    for (const code of all) {
      const { kind, status, sentence, retryable } = codeEntry(code)
      expect(statuses[kind], code).toContain(status)
      expect(sentence, code).toMatch(/^[A-Z].*\.$/)
      expect(typeof retryable, code).toBe('boolean')
    }
    expect(new Set(all.map((code) => codeEntry(code).sentence)).size).toBe(all.length)
  })

  it('tell a stranger the kind, but for two named exceptions', () => {
    for (const code of all) {
      const isNamed = code === 'encryption-required' || code === 'session-unknown'
      expect(problemKind(code)).toBe(isNamed ? code : codes[code].kind)
    }
  })
})

describe('CountersignError', () => {
  it('has the kind, status and sentence of its code', () => {
    const error = new CountersignError('policy-denied', { callId: 'c', outcome: 'not-run' })
    expect(error).toMatchObject({ code: 'policy-denied', kind: 'forbidden', status: 403, retryable: false })
    expect(error).toMatchObject({ callId: 'c', outcome: 'not-run', name: 'CountersignError' })
    expect(error.message).toBe('The policy does not allow this call.')
    expect(new CountersignError('policy-denied').callId).toBeUndefined()
  })

  it('names option and fix where the operator is at fault, and nowhere else', () => {
    const detail = { option: 'guard.policy', fix: 'give a policy' }
    expect(new CountersignError('option-invalid', { detail }).message).toBe(
      'An option is not valid. guard.policy: give a policy',
    )
    expect(new CountersignError('option-invalid', { detail: { fix: 'x' } }).message).toBe('An option is not valid: x')
    expect(new CountersignError('option-invalid', { detail: { step: 'x' } }).message).toBe('An option is not valid.')
    expect(new CountersignError('proof-invalid', { detail }).message).toBe('The proof does not match the request.')
  })

  it('puts one mark after another in no message of any code', () => {
    const details = [undefined, {}, { option: 'a' }, { fix: 'b' }, { option: 'a', fix: 'b' }, { step: 'c' }]
    for (const code of all) {
      for (const detail of details) {
        const { message } = new CountersignError(code, detail === undefined ? {} : { detail })
        expect(message, code).not.toMatch(/[.:;,]\s*[.:;,]|\s\s|\s$/)
        expect(message, code).toContain(codes[code].sentence.slice(0, -1))
      }
    }
  })

  it('keeps detail and cause to itself when it is printed as JSON or spread', () => {
    const error = new CountersignError('proof-invalid', {
      cause: new Error('MARKER-CAUSE'),
      detail: { expected: 'MARKER-DETAIL' },
      callId: 'call-1',
    })
    expect(error.detail).toEqual({ expected: 'MARKER-DETAIL' })
    expect(Object.isFrozen(error.detail)).toBe(true)
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'CountersignError',
      kind: 'unauthenticated',
      callId: 'call-1',
    })
    expect(JSON.stringify({ ...error })).not.toContain('MARKER')
    expect(String(error)).not.toContain('MARKER')
    expect(inspect({ ...error })).not.toContain('MARKER')
  })

  it('copies the detail it is given', () => {
    const detail = { step: 'one' }
    const error = new CountersignError('proof-invalid', { detail })
    detail.step = 'two'
    expect(error.detail.step).toBe('one')
  })
})

describe('isCountersignError', () => {
  it('recognizes an error of any copy of the package, and its code', () => {
    const foreign = Object.assign(new Error('x'), { code: 'timed-out', [Symbol.for('countersign.error')]: true })
    for (const error of [new CountersignError('timed-out'), foreign]) {
      expect(isCountersignError(error)).toBe(true)
      expect(isCountersignError(error, 'timed-out')).toBe(true)
      expect(isCountersignError(error, 'policy-denied')).toBe(false)
    }
  })

  it('takes nothing else for one', () => {
    const branded = { code: 'timed-out', [Symbol.for('countersign.error')]: true }
    for (const value of [undefined, null, 'timed-out', branded, new Error('x'), new TypeError('x')]) {
      expect(isCountersignError(value)).toBe(false)
    }
  })
})
