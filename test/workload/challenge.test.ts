import { expect, it } from 'vitest'
import { errorsIn } from '../../src/workload/challenge.ts'

it('reads what each challenge says is wrong', () => {
  for (const [field, errors] of [
    [null, []],
    ['Bearer', []],
    ['Bearer error="invalid_token", DPoP error="use_dpop_nonce", algs="ES256"', ['invalid_token', 'use_dpop_nonce']],
    ['DPoP algs="ES256 EdDSA", ERROR = use_dpop_nonce', ['use_dpop_nonce']],
    ['Bearer realm="a, error=\\"invalid_token\\"", error="insufficient_scope"', ['insufficient_scope']],
    ['Bearer my_error="invalid_token", xerror=invalid_token', []],
  ] as const)
    expect([...errorsIn(field)]).toEqual(errors)
})

it('reads what a hostile service writes in no time', () => {
  const started = performance.now()
  for (const piece of ['a', 'a=', 'a="', 'a="\\"', ' ', 'a ', '"', '\\', 'error="', 'a  ='])
    errorsIn(piece.repeat(100_000))
  expect(performance.now() - started).toBeLessThan(200)
})
