import { describe, expect, it } from 'vitest'
import { claimName } from '../../src/replay/claim-name.ts'
import { refusal } from '../core/refusal.ts'

const LEDGER = 'spiffe://acme.test/ledger'
const ORDERS = 'spiffe://acme.test/orders'

describe('claimName', () => {
  it('joins callee, caller and nonce', () => {
    expect(claimName(LEDGER, ORDERS, 'n-1')).toBe(`${LEDGER} ${ORDERS} n-1`)
  })

  it('is another for two callers of the same nonce', () => {
    expect(claimName(LEDGER, ORDERS, 'n')).not.toBe(claimName(LEDGER, 'spiffe://acme.test/shop', 'n'))
  })

  it('a nonce that is empty or not printable ASCII without spaces is refused', () => {
    for (const nonce of ['', ' ', 'a b', ' a', 'a ', 'a\tb', 'a\n', '\0', 'a\x7f', 'ä', '\u2003']) {
      expect(refusal(() => claimName(LEDGER, ORDERS, nonce)).code).toBe('proof-incomplete')
    }
  })

  it('an identifier that is not printable ASCII without spaces names no claim', () => {
    for (const id of ['', 'spiffe://acme.test/a b', 'spiffe://acme.test/\n', 'spiffe://acme.test/ä']) {
      expect(refusal(() => claimName(id, ORDERS, 'n')).code).toBe('proof-invalid')
      expect(refusal(() => claimName(LEDGER, id, 'n')).code).toBe('proof-invalid')
    }
  })
})
