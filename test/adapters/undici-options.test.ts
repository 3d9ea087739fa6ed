import { Agent } from 'undici'
import { expect, it } from 'vitest'
import { checkUndiciOptions, type UndiciTransportOptions } from '../../src/adapters/undici-options.ts'

const refuse = (options: object, option: string) => {
  // Options as JavaScript may give them.
  expect(() => checkUndiciOptions(options as UndiciTransportOptions)).toThrow(
    expect.objectContaining({
      code: 'option-invalid',
      detail: expect.objectContaining({ option: `transport options.${option}` }),
    }),
  )
}

it('takes every option it has', () => {
  const options = {
    connections: 1,
    allowH2: true,
    connect: { timeout: 5 },
    headersTimeoutMs: 0,
    bodyTimeoutMs: 2 ** 31 - 1,
    keepAliveTimeoutMs: 1,
  }
  expect(checkUndiciOptions(options)).toEqual(options)
  const beside = { dispatcher: new Agent(), headersTimeoutMs: 5, bodyTimeoutMs: 5 }
  expect(checkUndiciOptions(beside)).toEqual(beside)
})

it('an option that the undici transport does not have is refused', () => {
  refuse({ headersTimeout: 5 }, 'headersTimeout')
})

it.each(['connections', 'headersTimeoutMs', 'bodyTimeoutMs', 'keepAliveTimeoutMs'])(
  'checks the number of %s',
  (name) => {
    for (const value of [-1, 1.5, Number.NaN, 2 ** 31, '5', null]) refuse({ [name]: value }, name)
  },
)

it('a number that no pool and no timer can keep is refused', () => {
  refuse({ connections: 0 }, 'connections')
  refuse({ keepAliveTimeoutMs: 0 }, 'keepAliveTimeoutMs')
  refuse({ headersTimeoutMs: 2 ** 31 }, 'headersTimeoutMs')
})

it('an allowH2 that is neither true nor false is refused', () => {
  refuse({ allowH2: 'yes' }, 'allowH2')
})

it('a dispatcher that cannot dispatch is refused', () => {
  refuse({ dispatcher: {} }, 'dispatcher')
  refuse({ dispatcher: null }, 'dispatcher')
})

it('an option about connections beside a dispatcher that makes its own is refused', () => {
  refuse({ dispatcher: new Agent(), connections: 5 }, 'connections')
})
