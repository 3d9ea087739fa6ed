import { describe, expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import {
  answerCoverage,
  DEMANDED,
  isDemanded,
  isProofField,
  isUnproven,
  requestCoverage,
} from '../../src/signature/coverage.ts'

const fields = new Fields([
  ...['Host', 'h', 'Content-Type', 't', 'X-Tenant', 'a', 'x-tenant', 'b', 'Date', 'd', 'Signature', 's'],
  ...['Signature-Input', 'i', 'Set-Cookie', 'c', 'X-Forwarded-Host', 'f', 'X-Forwarded', 'g', 'Idempotency-Key', 'k'],
])

describe('coverage', () => {
  it('is every field but the unproven and those of the proof, once each', () => {
    expect(requestCoverage(fields).map(({ key }) => key)).toEqual([
      ...['"content-type"', '"x-tenant"', '"set-cookie"', '"x-forwarded"', '"idempotency-key"'],
    ])
  })

  it('of an answer keeps cookies apart', () => {
    expect(answerCoverage(fields).map(({ key }) => key)).toEqual([
      ...['"content-type"', '"x-tenant"', '"set-cookie";bs', '"x-forwarded"', '"idempotency-key"'],
    ])
  })

  it('passes on what meshes rewrite and connections own', () => {
    const names =
      'host content-length connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer ' +
      'transfer-encoding upgrade date server via user-agent forwarded x-forwarded-for x-request-id traceparent ' +
      'tracestate baggage'
    for (const name of names.split(' ')) expect(isUnproven(name), name).toBe(true)
    for (const name of ['cookie', 'set-cookie', 'accept', 'x-forward', 'content-type'])
      expect(isUnproven(name)).toBe(false)
  })

  it('is demanded of what identifies, authorizes and says how to read a body', () => {
    const names =
      'content-type content-digest authorization txn-token workload-identity-token content-encoding content-envelope ' +
      'idempotency-key'
    for (const name of names.split(' ')) expect(isDemanded(name), name).toBe(true)
    expect(isDemanded('accept')).toBe(false)
    expect([...DEMANDED].sort()).toEqual(names.split(' ').sort())
  })

  it('knows the fields of the proof', () => {
    expect(['signature', 'signature-input', 'accept-signature'].map(isProofField)).toEqual([true, true, false])
  })
})
