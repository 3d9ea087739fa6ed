import { expect, it, vi } from 'vitest'
import { createKeyring, openFile, sealFile } from '../../src/envelope.ts'
import { failureOf, pattern } from './fixtures.ts'

vi.mock('#platform', () => import('../../src/platform/web.ts'))

it('says of a file that there is no disk', async () => {
  const ring = createKeyring({ primary: 'k', keys: { k: pattern(32) } })
  const failure = { code: 'no-disk', option: 'out' }
  expect(await failureOf(() => sealFile('in', 'out', { to: ring }))).toEqual(failure)
  expect(await failureOf(() => openFile('in', 'out', { with: ring }))).toEqual(failure)
})
