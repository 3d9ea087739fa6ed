import { expect, it } from 'vitest'
import { nextTraceparent } from '../../../src/flow/outbound/trace-context.ts'

it('continues a trace with a span of its own, and starts one where there is none that can be read', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const span = 'b7ad6b7169203331'
  const next = nextTraceparent(`00-${trace}-${span}-01`)
  expect(next).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
  expect(next).not.toContain(span)
  for (const bad of [
    undefined,
    '',
    `01-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-01-x`,
  ]) {
    expect(nextTraceparent(bad)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    expect(nextTraceparent(bad)).not.toContain(trace)
  }
})
