import { expect, it } from 'vitest'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import type { GuardOptions } from '../../../src/flow/inbound/guard-options.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { createWire, type OnTheWire, otherSignature, type Wire, withField } from '../../refusals/wire.ts'

async function seen(options: Partial<GuardOptions>, more: readonly string[]): Promise<Fields> {
  const wire: Wire = await createWire(options)
  const message: OnTheWire = await wire.capture({ headers: { 'x-tenant': 'acme' } })
  const admission = await admit(wire.guard, {
    request: { method: message.method, target: message.target, fields: new Fields([...message.raw, ...more]) },
    mountPath: '',
    announcesBody: false,
    readBody: () => new Uint8Array(0),
  })
  if (admission.kind !== 'admitted') throw admission.error
  return admission.stage.fields
}

it('a field that no proof covers never reaches a handler', async () => {
  const fields = await seen({}, [
    'X-User-Id',
    'root',
    'X-Forwarded-Client-Cert',
    'By=x',
    'x_tenant',
    'evil',
    'Cookie',
    'a=b',
  ])
  expect(
    [...fields.names()].filter((name) => ['x-user-id', 'x-forwarded-client-cert', 'x_tenant', 'cookie'].includes(name)),
  ).toEqual([])
  expect(fields.get('x-tenant')).toBe('acme')
})

it('passes on what meshes rewrite, and what the guard was told to pass', async () => {
  const fields = await seen({ pass: ['x-mesh'] }, [
    'x-mesh',
    '1',
    'x-request-id',
    'r',
    'traceparent',
    '00-a',
    'via',
    '1.1 p',
  ])
  expect([fields.get('x-mesh'), fields.get('x-request-id'), fields.get('via')]).toEqual(['1', 'r', '1.1 p'])
})

it('a covered field that was split on its way reaches a handler as the one value that was signed', async () => {
  const wire = await createWire()
  const message = await wire.capture({ headers: { 'x-list': 'a, b', authorization: 'Basic a, b' } })
  const raw = message.raw.flatMap((part, i) => {
    if (i % 2 === 1) return []
    const value = message.raw[i + 1] as string
    return value.includes(', ') ? value.split(', ').flatMap((one) => [part, one]) : [part, value]
  })
  const admission = await admit(wire.guard, {
    request: { method: message.method, target: message.target, fields: new Fields(raw) },
    mountPath: '',
    announcesBody: false,
    readBody: () => new Uint8Array(0),
  })
  if (admission.kind !== 'admitted') throw admission.error
  expect(admission.stage.fields.all('x-list')).toEqual(['a, b'])
  expect(admission.stage.fields.all('authorization')).toEqual(['Basic a, b'])
})

const anybody = definePolicy({
  version: 1,
  rules: [{ id: 'a', effect: 'allow', from: ['anonymous'], to: ['* /*'] }],
})

/** The names of those fields of a stranger that a handler sees. */
async function seenOfStranger(raw: readonly string[], options: Partial<GuardOptions> = {}): Promise<readonly string[]> {
  const wire = await createWire({ policy: anybody, ...options })
  const request = { method: 'GET', target: '/a', fields: new Fields(raw) }
  const arrival = { request, mountPath: '', announcesBody: false, readBody: () => new Uint8Array(0) }
  const admission = await admit(wire.guard, arrival)
  if (admission.kind !== 'admitted') throw admission.error
  return admission.stage.fields.names()
}

const each = (names: readonly string[]) => names.flatMap((name) => [name, 'mallory'])

it('another spelling of a field of the library, or of one that has to be covered, never reaches a handler', async () => {
  const others = ['Content_Digest', 'Workload_Proof_Token', 'Signature_Input', 'Content.Encoding', 'Idempotency_Key']
  expect(await seenOfStranger(each([...others, 'X-Note']))).toEqual(['x-note'])
  const wire = await createWire()
  const message = await wire.capture({ headers: { idempotency_key: 'k', 'x-note': 'n' } })
  const admission = await admit(wire.guard, {
    request: { method: message.method, target: message.target, fields: new Fields(message.raw) },
    mountPath: '',
    announcesBody: false,
    readBody: () => new Uint8Array(0),
  })
  if (admission.kind !== 'admitted') throw admission.error
  // Not where a proof covers it, either: what stands behind the handler cannot tell it from the other one.
  expect([admission.stage.fields.has('idempotency_key'), admission.stage.fields.get('x-note')]).toEqual([false, 'n'])
})

it('a field that names somebody reaches a handler in no spelling, unless a proof covers it', async () => {
  const naming = ['X-Forwarded-User', 'X_Remote_User', 'X-Forwarded-For', 'Forwarded', 'Client_Cert', 'X.Real.IP']
  expect(await seenOfStranger(each([...naming, 'Authorization', 'X-Note']))).toEqual(['authorization', 'x-note'])
  const fields = await seen({}, each(['X-Forwarded-For', 'Forwarded', 'X-Request-Id']))
  expect(['x-forwarded-for', 'forwarded', 'x-request-id'].filter((name) => fields.has(name))).toEqual(['x-request-id'])
})

it('passes on what names somebody where the guard was told to, in that spelling alone', async () => {
  const options = { pass: ['x-forwarded-for', 'x-forwarded-client-cert'] }
  const raw = each(['X-Forwarded-For', 'X_Forwarded_For', 'X-Forwarded-Host', 'X-Forwarded-Client-Cert'])
  expect(await seenOfStranger(raw, options)).toEqual(options.pass)
  const fields = await seen(options, raw)
  expect([...fields.names()].filter((name) => /forwarded/.test(name))).toEqual(options.pass)
})

it('believes no field that names somebody from a caller who proved nothing', async () => {
  const naming = ['Txn-Token', 'X-Forwarded-Client-Cert', 'Client-Cert', 'Content-Digest']
  expect(await seenOfStranger(each([...naming, 'X-Tenant']))).toEqual(['x-tenant'])
})

it('shows handlers no field of the proof itself, and believes no cover that nobody has verified', async () => {
  const own = ['signature', 'signature-input', 'workload-identity-token', 'content-digest', 'accept-envelope']
  const policy = { decide: () => ({ effect: 'allow' as const }) }
  const wire = await createWire({ policy, mode: 'observe' })
  const init = { method: 'POST', body: 'x', headers: { 'txn-token': 't', 'x-tenant': 'acme' } }
  const sound = await wire.capture(init)
  const broken = await wire.capture(init)
  for (const [message, txn] of [
    [sound, 't'],
    [withField(broken, 'signature', otherSignature(broken)), undefined],
  ] as const) {
    const admission = await admit(wire.guard, {
      request: { method: message.method, target: message.target, fields: new Fields(message.raw) },
      mountPath: '',
      announcesBody: true,
      readBody: () => message.body,
    })
    if (admission.kind !== 'admitted') throw admission.error
    const { fields } = admission.stage
    expect([...fields.names()].filter((name) => own.includes(name))).toEqual([])
    expect([fields.get('txn-token'), fields.get('x-tenant')]).toEqual([txn, 'acme'])
  }
})

it('shows handlers the inner type of a sealed body, or none', async () => {
  for (const type of ['text/inner', '']) {
    const wire = await createWire()
    const countersign = { seal: 'always' as const }
    const typed = type === '' ? {} : { headers: { 'content-type': type } }
    const message = await wire.capture({ method: 'POST', body: new Uint8Array([1]), countersign, ...typed })
    const admission = await admit(wire.guard, {
      request: { method: message.method, target: message.target, fields: new Fields(message.raw) },
      mountPath: '',
      announcesBody: true,
      readBody: () => message.body,
    })
    if (admission.kind !== 'admitted') throw admission.error
    expect(admission.stage.fields.get('content-type')).toBe(type === '' ? undefined : type)
    expect(admission.stage.fields.has('content-envelope')).toBe(false)
  }
})
