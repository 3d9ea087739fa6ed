import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { Fields } from '../../src/core/message.ts'
import type { MacKey } from '../../src/crypto/primitives.ts'
import { answerContext } from '../../src/envelope/http-context.ts'
import { seal } from '../../src/envelope/seal.ts'
import { sealedFields } from '../../src/flow/envelope-field.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import { sessionKeyringOf } from '../../src/flow/keyring-of.ts'
import { problemOf } from '../../src/flow/problem.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { answerTo } from './session-answer.ts'
import { createTap, keyidOf, nameOf, type Tap } from './session-wire.ts'
import type { OnTheWire } from './wire.ts'

/** What a call was refused with, and whether it said so once. */
async function outcomeOf(tap: Tap, init: Parameters<Tap['call']>[1] = {}): Promise<string> {
  await tap.orders.audit.flush()
  tap.domain.sink.clear()
  try {
    const { status } = await tap.call('/v1/charges', init)
    return String(status)
  } catch (error) {
    if (!isCountersignError(error)) throw error
    await tap.orders.audit.flush()
    const events = tap.domain.sink.events.filter(({ side }) => side === 'caller')
    expect(events.map(({ code, outcome }) => [code, outcome])).toEqual([[error.code, 'unknown']])
    return error.code
  }
}

/** The caller's session, and the tap answers from now on as the attacker wants. */
async function opened(answer: (message: OnTheWire, tap: Tap) => Promise<HttpAnswer>) {
  const tap = await createTap()
  const session = await tap.session()
  tap.between = (message) => answer(message, tap)
  return { tap, session }
}

const bare = (status: number, text = 'ok'): HttpAnswer => ({ status, fields: new Fields([]), body: utf8(text) })
const problemFields = ['Content-Type', 'application/problem+json']

describe('nothing lowers the proof of an answer to a call under a session', () => {
  it('an answer whose proof was stripped, or that has none', async () => {
    const { tap } = await opened(async (message, wire) => {
      const answer = await wire.deliver(message)
      return { ...answer, fields: answer.fields.filter((name) => !name.startsWith('signature')) }
    })
    expect(await outcomeOf(tap)).toBe('answer-unsigned')
    for (const answer of [bare(200), bare(400), { ...problemOf('session-unknown', 'x') }, bare(502)]) {
      tap.between = async () => answer
      expect(await outcomeOf(tap)).toBe('answer-unsigned')
    }
    tap.between = (message) => tap.deliver(message)
    expect(answerOf(await tap.call()).peer.authenticatedBy).toBe('session')
    expect(tap.line().lost).toBe(0)
  })

  it('an answer that is signed as in proof 1, and no refusal', async () => {
    const { tap } = await opened((message, { ledger }) => answerTo(message, { by: ledger }))
    expect(await outcomeOf(tap)).toBe('answer-unsigned')
    for (const [status, fields] of [
      [200, problemFields],
      [302, problemFields],
      [399, problemFields],
      [400, ['Content-Type', 'application/json']],
      [404, []],
      [500, ['Content-Type', 'text/plain']],
    ] as const) {
      tap.between = (message) => answerTo(message, { status, fields, by: tap.ledger })
      expect(await outcomeOf(tap), String(status)).toBe('answer-unsigned')
    }
    expect(tap.sent.every((message) => keyidOf(message) !== undefined)).toBe(true)
  })

  it('a refusal that another workload signed', async () => {
    const { tap } = await opened((message) => tap.deliver(message))
    const other = await tap.domain.workload('other')
    tap.between = (message) =>
      answerTo(message, { status: 400, fields: problemFields, body: problemOf('session-unknown', 'x').body, by: other })
    expect(await outcomeOf(tap)).toBe('answer-foreign')
    expect(tap.sent.filter((message) => keyidOf(message) === undefined)).toEqual([])
  })

  it('an old session-unknown, of the same counter and of the call before', async () => {
    const { tap } = await opened((message) => tap.deliver(message))
    tap.ledger.endSessions(() => true)
    const refusals: HttpAnswer[] = []
    tap.between = async (message) => {
      const answer = await tap.deliver(message)
      if (keyidOf(message) !== undefined) refusals.push(answer)
      return answer
    }
    expect(await outcomeOf(tap)).toBe('200')
    const [old] = refusals as [HttpAnswer]
    expect(old.status).toBe(400)
    expect(await outcomeOf(tap)).toBe('200')
    tap.between = async () => old
    expect(await outcomeOf(tap)).toMatch(/^answer-(unbound|invalid)$/)
    tap.line().session = undefined
    const { session } = await tap.session().then(() => tap.line())
    if (session !== undefined) session.counter = 1
    expect(await outcomeOf(tap)).toMatch(/^answer-(unbound|invalid)$/)
    expect(tap.line().session).toBe(session)
  })

  it('a handler’s own session-unknown, proven by the session, repeats nothing', async () => {
    const { tap, session } = await opened((message) => {
      const { body } = problemOf('session-unknown', 'x')
      return answerTo(message, { status: 400, fields: problemFields, body, by: server })
    })
    const kept = engineOf(tap.ledger).sessions?.table.find(session.id)
    const server = { id: session.id, key: kept?.keys.serverMac as MacKey }
    const before = tap.sent.length
    expect(await outcomeOf(tap)).toBe('400')
    expect(tap.sent.length).toBe(before + 1)
    expect(tap.line().session).toBe(session)
  })
})

describe('an answer is checked with the session and the call of its request', () => {
  it('an answer under another session, as it is and under the right name', async () => {
    const tap = await createTap()
    const first = await tap.session()
    const keys = engineOf(tap.ledger).sessions?.table.find(first.id)?.keys
    tap.line().session = undefined
    const second = await tap.session()
    expect(second.id).not.toBe(first.id)
    tap.between = (message) => answerTo(message, { by: { id: first.id, key: keys?.serverMac as MacKey } })
    expect(await outcomeOf(tap)).toBe('answer-foreign')
    tap.between = (message) => answerTo(message, { by: { id: second.id, key: keys?.serverMac as MacKey } })
    expect(await outcomeOf(tap)).toBe('answer-invalid')
    tap.between = (message) => answerTo(message, { by: { id: second.id, key: second.keys.serverMac } })
    expect(await outcomeOf(tap)).toBe('200')
  })

  it('an answer by the keys of a session to a call with a signature', async () => {
    const { tap, session } = await opened((message) =>
      answerTo(message, { by: { id: session.id, key: session.keys.serverMac } }),
    )
    expect(await outcomeOf(tap, { countersign: { proof: 'signature' } })).toBe('answer-foreign')
  })

  it('two answers swapped', async () => {
    const { tap } = await opened((message) => tap.deliver(message))
    const waiting: { message: OnTheWire; resolve: (answer: HttpAnswer) => void }[] = []
    tap.between = (message) => new Promise((resolve) => waiting.push({ message, resolve }))
    const codes = [0, 1].map(() => tap.call().then(String, (error: { code: string }) => error.code))
    while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve))
    const answers = await Promise.all(waiting.map(({ message }) => tap.deliver(message)))
    waiting.forEach(({ resolve }, i) => {
      resolve(answers[1 - i] as HttpAnswer)
    })
    expect(await Promise.all(codes)).toEqual(['answer-unbound', 'answer-unbound'])
  })

  it('the request comes back as its answer', async () => {
    const { tap } = await opened(async ({ raw, body }) => ({ status: 200, fields: new Fields(raw), body }))
    expect(await outcomeOf(tap)).toMatch(/^answer-(unbound|malformed|invalid)$/)
  })

  it('an answer by the key that proves requests, or by one that seals', async () => {
    const { tap, session } = await opened((message) => tap.deliver(message))
    const { clientMac, clientSeal, serverSeal } = session.keys
    for (const key of [clientMac, clientSeal, serverSeal]) {
      tap.between = (message) => answerTo(message, { by: { id: session.id, key } })
      expect(await outcomeOf(tap)).toBe('answer-invalid')
    }
  })

  it('an answer sealed with the key of the other direction, or for another call', async () => {
    const { tap, session } = await opened((message) => tap.deliver(message))
    const { id, keys } = session
    const sealed = async (message: OnTheWire, key: MacKey, callName = nameOf(message)) => {
      const context = answerContext({
        method: message.method,
        target: message.target,
        sender: tap.ledger.id,
        receiver: tap.orders.id,
        contentType: 'text/plain',
        callName,
        status: 200,
      })
      const body = await seal(utf8('ok'), { to: sessionKeyringOf(id, key), context })
      const fields = Object.entries(sealedFields('text/plain')).flat()
      return answerTo(message, { body, fields, by: { id, key: keys.serverMac } })
    }
    const always = { countersign: { seal: 'always' as const } }
    tap.between = (message) => sealed(message, keys.clientSeal)
    expect(await outcomeOf(tap, always)).toBe('unopened')
    tap.between = (message) => sealed(message, keys.serverSeal, `${id}.1`)
    expect(await outcomeOf(tap, always)).toBe('unopened')
    tap.between = (message) => answerTo(message, { by: { id, key: keys.serverMac } })
    expect(await outcomeOf(tap, always)).toBe('answer-plaintext')
    tap.between = (message) => sealed(message, keys.serverSeal)
    expect(await outcomeOf(tap, always)).toBe('200')
  })
})
