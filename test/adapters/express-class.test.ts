import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { shareClass } from '../../src/adapters/express-class.ts'

setFlagsFromString('--allow-natives-syntax')
const isOfOneClass: (a: object, b: object) => boolean = runInThisContext('(a, b) => %HaveSameMap(a, b)')
// It is compiled when it is called.
isOfOneClass({}, {})
setFlagsFromString('--no-allow-natives-syntax')

const ofRequests = Object.create(IncomingMessage.prototype)
const ofAnswers = Object.create(ServerResponse.prototype)

/** As Express hands it over. */
function exchange() {
  const req = new IncomingMessage(new Socket())
  const res = new ServerResponse(req)
  Object.setPrototypeOf(req, ofRequests)
  Object.setPrototypeOf(res, ofAnswers)
  return { req: Object.assign(req, { next: () => undefined }), res: Object.assign(res, { locals: {} }) }
}

describe('what Express hands over', () => {
  it('is of one class a kind afterwards, whatever is added to it', () => {
    const [one, other] = [exchange(), exchange()]
    for (const { req, res } of [one, other]) {
      shareClass(req, res)
      Object.assign(req, { body: {}, route: {} })
      res.statusCode = 201
      Object.assign(res, { more: 1 })
    }
    expect([isOfOneClass(one.req, other.req), isOfOneClass(one.res, other.res)]).toEqual([true, true])
  })

  it('has the same members and values as before', () => {
    const { req, res } = exchange()
    Object.assign(req, { statusMessage: 'told' })
    res.sendDate = false
    const described = (value: object) => {
      const all: Record<PropertyKey, PropertyDescriptor> = Object.getOwnPropertyDescriptors(value)
      return new Map(Reflect.ownKeys(all).map((name) => [name, all[name]]))
    }
    const before = [described(req), described(res)]
    shareClass(req, res)
    expect([described(req), described(res)]).toEqual(before)
    expect([req.statusMessage, res.sendDate]).toEqual(['told', false])
  })
})
