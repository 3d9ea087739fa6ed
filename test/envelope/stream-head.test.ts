import { expect, it } from 'vitest'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { EnvelopeOpener } from '../../src/envelope/open-stream.ts'
import { EnvelopeSealer } from '../../src/envelope/seal-stream.ts'
import { pattern } from './fixtures.ts'

const keyring = createKeyring({ primary: 'a', keys: { a: new Uint8Array(32).fill(7) } })

async function sealed() {
  const sealer = new EnvelopeSealer({ to: keyring })
  const pieces: Uint8Array[] = []
  const put = (piece: Uint8Array) => pieces.push(piece)
  const head = await sealer.start(put)
  await sealer.push(pattern(1000), put)
  await sealer.end(put)
  return { head, bytes: Buffer.concat(pieces) }
}

it('an envelope that is another one than was signed for is refused before its first chunk', async () => {
  const [one, other] = [await sealed(), await sealed()]
  const open = async (head: typeof one.head) => {
    const opener = new EnvelopeOpener({ with: keyring }, head)
    const out: Uint8Array[] = []
    await opener.push(one.bytes, (piece) => out.push(piece))
    await opener.end((piece) => out.push(piece))
    return [opener.isBegun, Buffer.concat(out).length]
  }
  expect(await open(one.head)).toEqual([true, 1000])
  const refused = { code: 'unopened', detail: { step: 'stream-head' } }
  await expect(open(other.head)).rejects.toMatchObject(refused)
  await expect(open({ ...one.head, salt: other.head.salt })).rejects.toMatchObject(refused)
  await expect(open({ ...one.head, commitment: other.head.commitment })).rejects.toMatchObject(refused)
})
