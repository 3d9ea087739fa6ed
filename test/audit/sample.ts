import type { AuditEvent, EventDraft } from '../../src/audit/event.ts'
import { eventOf } from '../../src/audit/redact.ts'

export const NOON = Date.UTC(2026, 8, 1, 12)

export const stamp = Object.freeze({
  id: '01990000-0000-7000-8000-000000000001',
  time: '2026-09-01T12:00:00.000Z',
})

/** An event as a trail writes it. */
export function sampleEvent(draft: Partial<EventDraft> = {}): AuditEvent {
  return eventOf({ type: 'call', ...draft }, 'spiffe://acme.test/ledger', stamp)
}

/** A draft that fills every field there is. */
export const fullDraft: EventDraft = {
  type: 'call',
  side: 'callee',
  callId: '3f2b5a3e-7d3c-4a0e-9c0f-2f6a1b0c9d8e',
  parentCallId: '0b0e4a4e-1d3c-4a0e-9c0f-2f6a1b0c9d8e',
  peer: 'spiffe://acme.test/orders',
  authenticatedBy: 'signature',
  method: 'POST',
  path: '/charges',
  status: 403,
  effect: 'deny',
  rule: 'orders-may-charge',
  code: 'policy-denied',
  step: 'policy',
  observed: false,
  sealed: true,
  tokenId: 'token-7',
  keyId: 'anchor-1',
  proofKeyId: 'proof-1',
  expectedDigest: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
  receivedDigest: 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  clockDifferenceSeconds: -31,
  address: '10.0.0.7',
  requestBytes: 1024,
  answerBytes: 120,
  durationMs: 3.25,
  droppedFields: 'x-user x-role',
  outcome: 'not-run',
  count: 2,
  name: 'name',
  note: 'note',
}
