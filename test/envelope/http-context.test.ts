import { describe, expect, it } from 'vitest'
import { answerContext, requestContext } from '../../src/envelope/http-context.ts'

const call = {
  method: 'POST',
  target: '/charges?x=1',
  sender: 'spiffe://acme.test/orders',
  receiver: 'spiffe://acme.test/ledger',
  contentType: 'application/json',
  callName: 'nonce-1',
}

describe('HTTP contexts', () => {
  it('has exactly the keys of the wire format for a request', () => {
    expect(requestContext(call)).toEqual({
      dir: 'req',
      method: 'POST',
      target: '/charges?x=1',
      sub: 'spiffe://acme.test/orders',
      aud: 'spiffe://acme.test/ledger',
      ct: 'application/json',
      'sig-nonce': 'nonce-1',
    })
  })

  it('has exactly the keys of the wire format for an answer', () => {
    const { sender, receiver } = call
    expect(answerContext({ ...call, sender: receiver, receiver: sender, status: 201 })).toEqual({
      dir: 'res',
      method: 'POST',
      target: '/charges?x=1',
      sub: 'spiffe://acme.test/ledger',
      aud: 'spiffe://acme.test/orders',
      ct: 'application/json',
      'req-nonce': 'nonce-1',
      status: '201',
    })
  })
})
