import { expect, it } from 'vitest'
import { answerTo } from '../../refusals/session-answer.ts'
import { changingTap, createTap, keyidOf, settle, trusting } from '../../refusals/session-wire.ts'

it('an answer by the keys of a session to a call that was not made under it is refused', async () => {
  const tap = await createTap()
  const { id, keys } = await tap.session()
  tap.between = (message) => answerTo(message, { by: { id, key: keys.serverMac } })
  expect((await tap.call()).status).toBe(200)
  const countersign = { proof: 'signature' as const }
  await expect(tap.call('/a', { countersign })).rejects.toMatchObject({ code: 'answer-foreign' })
  tap.line().session = undefined
  const other = await tap.session()
  expect(other.id).not.toBe(id)
  await expect(tap.call()).rejects.toMatchObject({ code: 'answer-foreign' })
})

it('an answer to a call under a session is signed by its keys, unless it is a refusal', async () => {
  const tap = await createTap()
  await tap.session()
  const problem = ['Content-Type', 'application/problem+json']
  const outcomeOf = async (status: number, fields: readonly string[]) => {
    tap.between = (message) => answerTo(message, { status, fields, by: tap.ledger })
    const outcome = await tap.call().then(
      (answer) => answer.status,
      ({ code }) => code,
    )
    expect(keyidOf(tap.sent.at(-1) ?? { method: '', target: '', raw: [], body: new Uint8Array(0) })).toBeDefined()
    return outcome
  }
  expect(await outcomeOf(200, problem)).toBe('answer-unsigned')
  expect(await outcomeOf(399, problem)).toBe('answer-unsigned')
  expect(await outcomeOf(400, ['Content-Type', 'application/json'])).toBe('answer-unsigned')
  expect(await outcomeOf(400, problem)).toBe(400)
})

it('an answer under a session that has ended since, by hand or because trust no longer vouches, is refused', async () => {
  for (const isByHand of [true, false]) {
    const { tap, own, other } = await changingTap()
    await tap.session()
    tap.between = async (message) => {
      const answer = await tap.deliver(message)
      if (isByHand) tap.orders.endSessions(() => true)
      else own.change(trusting(other))
      await settle()
      return answer
    }
    await expect(tap.call()).rejects.toMatchObject({ code: 'answer-invalid' })
  }
})
