import { describe, expect, it } from 'vitest'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { documentOf, promised, questionOf } from './ask.ts'
import { NOW, rows } from './corpus.ts'

const clock = { now: () => NOW }

describe('the promised semantics', () => {
  it.each([...rows])('$title', (row) => {
    const policy = definePolicy(documentOf(row.rules), { clock })
    expect(policy.decide(questionOf(row))).toEqual(promised(row))
    expect(policy.explain(questionOf(row)).decision).toEqual(promised(row))
  })

  it('has titles of its own for all of its rows, which are at least 80', () => {
    expect(rows.length).toBeGreaterThanOrEqual(80)
    expect(new Set(rows.map(({ title }) => title)).size).toBe(rows.length)
  })
})
