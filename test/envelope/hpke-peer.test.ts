import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { describe, expect, it } from 'vitest'
import { concat, utf8 } from '../../src/core/bytes.ts'
import type { Curve } from '../../src/crypto/suites.ts'
import { systemEntropy } from '../../src/envelope/entropy.ts'
import { hpkeKey, hpkeRecipient } from '../../src/envelope/hpke-recipient.ts'
import { publicPoint } from '../../src/envelope/jwk.ts'
import { freshJwk, pattern, publicOf } from './fixtures.ts'

const KID = 'archive-1'
/** What the wrapping of a data key is bound to: SVE1 §10.3. */
const info = concat(utf8('sve1/hpke\0'), Uint8Array.of(KID.length), utf8(KID))

describe.each([
  ['P-256', 65, () => new DhkemP256HkdfSha256()],
  ['X25519', 32, () => new DhkemX25519HkdfSha256()],
] as const)('HPKE on %s beside another implementation', (curve: Curve, pointBytes, kem) => {
  const suite = new CipherSuite({ kem: kem(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
  const keysOf = async () => {
    const jwk = await freshJwk(curve)
    return { jwk, point: publicPoint(publicOf(jwk), 'key') }
  }

  it('opens there what is wrapped here', async () => {
    const { jwk, point } = await keysOf()
    const recipientKey = await suite.kem.importKey('jwk', { ...jwk } as JsonWebKey, false)
    for (let i = 0; i < 20; i++) {
      const body = await hpkeRecipient(KID, point).wrap(pattern(32).with(0, i), systemEntropy)
      const context = await suite.createRecipientContext({ recipientKey, enc: body.slice(0, pointBytes).buffer, info })
      expect(new Uint8Array(await context.open(body.slice(pointBytes).buffer))).toEqual(pattern(32).with(0, i))
    }
  })

  it('opens here what is wrapped there', async () => {
    const { jwk, point } = await keysOf()
    const recipientPublicKey = await suite.kem.importKey('jwk', { ...publicOf(jwk) } as JsonWebKey, true)
    for (let i = 0; i < 20; i++) {
      const context = await suite.createSenderContext({ recipientPublicKey, info })
      const wrapped = await context.seal(pattern(32).with(0, i).buffer)
      const body = concat(new Uint8Array(context.enc), new Uint8Array(wrapped))
      expect(await hpkeKey(KID, jwk, point).unwrap(body)).toEqual(pattern(32).with(0, i))
      const elsewhere = await hpkeKey('archive-2', jwk, point).unwrap(body)
      expect(elsewhere).toBeUndefined()
    }
  })
})
