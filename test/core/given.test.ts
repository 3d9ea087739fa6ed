import { expect, it } from 'vitest'
import {
  blindIndex,
  createKeyring,
  open,
  openFields,
  openFile,
  openRange,
  openStream,
  openText,
  rewrap,
  seal,
  sealFields,
  sealFile,
  sealStream,
  sealText,
  tenantKeys,
} from '../../src/envelope.ts'
import { answerOf, generateKey, issued, publicJwk } from '../../src/index.ts'
import { openTransform, sealTransform } from '../../src/node.ts'
import { signMessage, verifyMessage } from '../../src/signature.ts'
import { undiciTransport } from '../../src/undici.ts'

const bytes = new Uint8Array(0)
const message = { method: 'GET', url: 'https://ledger.test/', fields: [] }

const calls: readonly [string, (options: never) => unknown][] = [
  ['answerOf', answerOf],
  ['blindIndex', (options) => blindIndex('text', options)],
  ['createKeyring', createKeyring],
  ['generateKey', generateKey],
  ['issued', issued],
  ['open', (options) => open(bytes, options)],
  ['openFields', (options) => openFields({}, options)],
  ['openFile', (options) => openFile('from', 'to', options)],
  ['openRange', (options) => openRange(bytes, options)],
  ['openStream', openStream],
  ['openText', (options) => openText('', options)],
  ['openTransform', openTransform],
  ['publicJwk', publicJwk],
  ['rewrap', (options) => rewrap(bytes, options)],
  ['seal', (options) => seal(bytes, options)],
  ['sealFields', (options) => sealFields({}, options)],
  ['sealFile', (options) => sealFile('from', 'to', options)],
  ['sealStream', sealStream],
  ['sealText', (options) => sealText('', options)],
  ['sealTransform', sealTransform],
  ['signMessage', (options) => signMessage(message as never, options)],
  ['tenantKeys', tenantKeys],
  ['undiciTransport', (options) => undiciTransport(options ?? (null as never))],
  ['verifyMessage', (options) => verifyMessage(message as never, options)],
]

it('an argument that has to be an object and was left out is refused by its name', async () => {
  for (const [name, call] of calls) {
    for (const nothing of [undefined, null]) {
      const failed = (async () => call(nothing as never))()
      await expect(failed, name).rejects.toMatchObject({
        detail: { option: expect.any(String), fix: expect.any(String) },
      })
      const code = await failed.catch((error: { code: string }) => error.code)
      expect(code, name).toBe('option-invalid')
    }
  }
})
