import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields, type HttpRequest, type HttpResponse } from '../../src/core/message.ts'
import { componentOf, parseComponent } from '../../src/signature/component.ts'
import { checkAnswerCoverage, checkFreshness, checkRequestCoverage, readProof } from '../../src/signature/proof.ts'
import { NOW, PARAMETERS, proofFields, proofOf, REQUIRED, requestParameters, SESSION_ID } from './exchange.ts'
import { refusal, refused } from './refusal.ts'

describe('reading a proof', () => {
  it('finds the one with our tag, whatever its label, and keeps its parameters as they came', () => {
    const fields = new Fields([
      ...['Signature-Input', 'theirs=("@unheard-of");tag="other"', 'Signature', 'theirs=:AAAA:'],
      ...['Signature-Input', `x=(${REQUIRED})${PARAMETERS};ours=1.50`, 'Signature', 'x=:AQID:'],
    ])
    const proof = readProof(fields, 'request')
    expect(proof).toMatchObject({ label: 'x', parameters: { nonce: 'a-nonce', audience: 'me' } })
    expect(proof?.member).toBe(`(${REQUIRED})${PARAMETERS};ours=1.5`)
    expect(proof?.signature).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('is nothing where no signature has our tag', () => {
    expect(readProof(new Fields([]), 'request')).toBeUndefined()
    for (const params of [';tag="other"', ';tag=wimse-workload-to-workload', '']) {
      expect(readProof(proofFields(`("@method")${params}`), 'request'), params).toBeUndefined()
    }
  })

  it('a message with two signatures of workloads is refused', () => {
    const input = `a=(${REQUIRED})${PARAMETERS}, b=(${REQUIRED})${PARAMETERS}`
    const fields = new Fields(['Signature-Input', input, 'Signature', 'a=:AAAA:, b=:AAAA:'])
    expect(refused(() => readProof(fields, 'request'))).toEqual(['proof-ambiguous', 'tag'])
  })

  it('takes the proof of a session for one of a workload, and refuses both at once', () => {
    const params = `;created=${NOW};expires=${NOW + 60};nonce="1";keyid="${SESSION_ID}";tag="countersign-session"`
    const session = `("@method" "@request-target")${params};wimse-aud="me"`
    expect(readProof(proofFields(session, 'any'), 'request')?.parameters).toMatchObject({ keyid: SESSION_ID })
    const streamed = session.replace('"countersign-session"', '"countersign-session-stream"')
    expect(readProof(proofFields(streamed, 'any'), 'request')?.parameters).toMatchObject({ keyid: SESSION_ID })
    for (const tag of ['countersign-streams', 'Countersign-Session', 'countersign']) {
      const other = session.replace('"countersign-session"', `"${tag}"`)
      expect(readProof(proofFields(other), 'request'), tag).toBeUndefined()
    }
    for (const both of [`a=(${REQUIRED})${PARAMETERS}, b=${session}`, `a=${session}, b=${session}`]) {
      const fields = new Fields(['Signature-Input', both, 'Signature', 'a=:AAAA:, b=:AAAA:'])
      expect(refused(() => readProof(fields, 'request'))).toEqual(['proof-ambiguous', 'tag'])
    }
  })

  it('a proof of more components than 64, or 160 in an answer, is refused', () => {
    const list = (length: number) => Array.from({ length }, (_, i) => `"x-${i}"`).join(' ')
    expect(proofOf(list(64)).components).toHaveLength(64)
    expect(refused(() => proofOf(list(65)))).toEqual(['signature-malformed', 'components'])
    const answer = (length: number) => readProof(proofFields(`(${list(length)})${PARAMETERS}`), 'answer')
    expect(answer(160)?.components).toHaveLength(160)
    expect(refused(() => answer(161))).toEqual(['signature-malformed', 'components'])
  })

  it('no text does more than be refused', () => {
    const lists = fc.string({ unit: fc.constantFrom(...'"@method" ;()=sfkeyreqbs') })
    fc.assert(
      fc.property(lists, fc.string(), (list, params) => {
        try {
          readProof(proofFields(`(${list})${PARAMETERS}${params}`), 'answer')
        } catch (error) {
          expect(error).toBeInstanceOf(CountersignError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('what a proof covers', () => {
  const list = '"content-type" "priority";sf "x-dict";key="a" "x-late";tr "x-odd";bs "set-cookie"'

  it('is a whole field, and of which message', () => {
    const proof = proofOf(list)
    expect(
      ['content-type', 'x-odd', 'priority', 'x-dict', 'x-late', 'accept'].map((name) => proof.covers(name)),
    ).toEqual([...[true, true, false, false, false, false]])
    expect(proof.has(parseComponent('"priority";sf'))).toBe(true)
    expect(proof.has(componentOf('priority'))).toBe(false)
    const answer = readProof(proofFields(`("@status" "date";req "etag";bs;req)${PARAMETERS}`), 'answer')
    expect(answer?.covers('date')).toBe(false)
    expect([answer?.covers('date', 'req'), answer?.covers('etag', 'req')]).toEqual([true, true])
  })

  it('cookies that are covered as one combined value do not count as covered', () => {
    expect(proofOf(list).covers('set-cookie')).toBe(false)
    expect(proofOf('"set-cookie";bs').covers('set-cookie')).toBe(true)
  })

  it('a header field named like a derived component does not count as covered', () => {
    expect(proofOf().has(componentOf('@method'))).toBe(true)
    expect(proofOf().covers('@method')).toBe(false)
  })
})

describe('freshness', () => {
  const at = (now: number, change = {}) => {
    checkFreshness({ ...requestParameters, ...change }, { now, toleranceSeconds: 30 })
    return 'fresh'
  }
  const old = (now: number, change = {}) => {
    const { code, detail } = refusal(() => at(now, change))
    return [code, detail.step, detail.clockDifferenceSeconds]
  }

  it('a proof from the future, beyond the tolerance, is refused', () => {
    expect(at(NOW - 30)).toBe('fresh')
    expect(old(NOW - 31)).toEqual(['proof-expired', 'created', -31])
  })

  it('a proof whose time is over, beyond the tolerance, is refused', () => {
    expect(at(NOW + 89)).toBe('fresh')
    expect(old(NOW + 90)).toEqual(['proof-expired', 'expires', 90])
  })

  it('a proof that lives for more than 300 seconds, or not at all, is refused', () => {
    expect(at(NOW, { expires: NOW + 300 })).toBe('fresh')
    for (const expires of [NOW + 301, NOW, NOW - 1])
      expect(old(NOW, { expires })).toEqual(['proof-expired', 'lifetime', 0])
  })
})

describe('what a request has to prove', () => {
  const request = (...raw: string[]): HttpRequest => ({ method: 'GET', target: '/', fields: new Fields(raw) })

  it('a request of which something that must be proven is not covered as a whole is refused', () => {
    checkRequestCoverage(proofOf(), request('Workload-Identity-Token', 't', 'Accept', '*/*'))
    for (const name of ['@method', '@request-target', 'workload-identity-token']) {
      const list = REQUIRED.replace(`"${name}"`, '').trim()
      expect(refused(() => checkRequestCoverage(proofOf(list), request()))).toEqual(['field-not-covered', name])
    }
    const demanded = [
      'content-type',
      'content-digest',
      'authorization',
      'txn-token',
      'content-encoding',
      'content-envelope',
      'idempotency-key',
    ]
    for (const name of demanded) {
      const present = request(name, 'v')
      checkRequestCoverage(proofOf(`${REQUIRED} "${name}"`), present)
      for (const list of [
        REQUIRED,
        `${REQUIRED} "${name}";bs`,
        `${REQUIRED} "${name}";sf`,
        `${REQUIRED} "${name}";tr`,
        `${REQUIRED} "${name}";key="a"`,
      ]) {
        expect(
          refused(() => checkRequestCoverage(proofOf(list), present)),
          list,
        ).toEqual(['field-not-covered', name])
      }
    }
  })
})

describe('what an answer has to prove', () => {
  const INPUT = '"signature-input";req;key="wimse"'
  const own = '"@status" "@method";req "@request-target";req "workload-identity-token"'
  const all = `${own} "workload-identity-token";req ${INPUT}`
  const plain: HttpResponse = { status: 200, fields: new Fields([]) }

  function check(
    list: string,
    change: { response?: HttpResponse; params?: string; request?: string; acceptUnbound?: boolean },
  ) {
    const { response = plain, params = ';wimse-req-nonce="a-nonce"', request, acceptUnbound = false } = change
    const proof = readProof(proofFields(`(${list})${PARAMETERS}${params}`), 'answer')
    if (proof === undefined) throw new Error('there is no proof')
    checkAnswerCoverage(proof, response, { requestProof: proofOf(request), acceptUnbound })
    return 'bound'
  }

  const unbound = (list: string, change: Parameters<typeof check>[1] = {}) => refused(() => check(list, change))
  const without = (list: string, part: string) => list.replace(part, '').replace('  ', ' ').trim()

  it('an answer of which something that must be proven is not covered as a whole is refused', () => {
    expect(check(all, {})).toBe('bound')
    for (const part of own.split(' ')) {
      expect(unbound(without(all, part), { acceptUnbound: true })[0], part).toBe('answer-unbound')
    }
    const response = { status: 200, fields: new Fields(['Content-Type', 't', 'Content-Encoding', 'br']) }
    expect(check(`${all} "content-type" "content-encoding"`, { response })).toBe('bound')
    expect(unbound(`${all} "content-type"`, { response })).toEqual(['answer-unbound', 'content-encoding'])
    expect(unbound(`${all} "content-type";bs "content-encoding"`, { response })).toEqual([
      'answer-unbound',
      'content-type',
    ])
  })

  it('an answer to the nonce of another request is refused', () => {
    for (const params of ['', ';wimse-req-nonce="other"']) {
      expect(unbound(all, { params, acceptUnbound: true })).toEqual(['answer-unbound', 'wimse-req-nonce'])
    }
  })

  it('an answer that does not cover all that its request covered is refused', () => {
    const request = `${REQUIRED} "x-tenant" "priority";sf`
    expect(check(`${all} "x-tenant";req "priority";sf;req`, { request })).toBe('bound')
    expect(check(`${all} "x-tenant";req "priority";req;sf`, { request })).toBe('bound')
    expect(unbound(`${all} "x-tenant";req "priority";req`, { request })).toEqual(['answer-unbound', 'priority'])
    expect(unbound(`${all} "x-tenant" "priority";sf;req`, { request })).toEqual(['answer-unbound', 'x-tenant'])
    expect(check(all, { request, acceptUnbound: true })).toBe('bound')
  })

  it("an answer that does not cover the parameters of the request's signature is refused", () => {
    expect(unbound(without(all, INPUT))).toEqual(['answer-unbound', 'signature-input'])
    expect(unbound(all.replace('key="wimse"', 'key="other"'))).toEqual(['answer-unbound', 'signature-input'])
    expect(unbound(all.replace(INPUT, '"signature-input";req'))).toEqual(['answer-unbound', 'signature-input'])
    expect(check(all.replace(INPUT, '"signature-input";key="wimse";req'), {})).toBe('bound')
    expect(check(without(all, INPUT), { acceptUnbound: true })).toBe('bound')
  })
})

describe('what has to be proven under a session', () => {
  const times = `;created=${NOW};expires=${NOW + 60}`
  const session = `;keyid="${SESSION_ID}";tag="countersign-session"`
  const SENT = `${times};nonce="1"${session};wimse-aud="me"`

  it('is of a request all but a token', () => {
    const request = (...raw: string[]): HttpRequest => ({ method: 'GET', target: '/', fields: new Fields(raw) })
    const own = '"@method" "@request-target"'
    checkRequestCoverage(proofOf(own, SENT), request('Accept', '*/*'))
    for (const name of ['@method', '@request-target']) {
      const list = own.replace(`"${name}"`, '').trim()
      expect(refused(() => checkRequestCoverage(proofOf(list, SENT), request()))).toEqual(['field-not-covered', name])
    }
    for (const name of [
      'content-type',
      'content-digest',
      'authorization',
      'content-envelope',
      'workload-identity-token',
    ]) {
      const check = (list: string) => checkRequestCoverage(proofOf(list, SENT), request(name, 'v'))
      check(`${own} "${name}"`)
      expect(refused(() => check(own))).toEqual(['field-not-covered', name])
    }
  })

  it('is of an answer status, fields, method, target and counter', () => {
    const own = '"@status" "@method";req "@request-target";req'
    const plain: HttpResponse = { status: 200, fields: new Fields([]) }
    const check = (list: string, nonce = '1', response = plain) => {
      const answered = `(${list})${times}${session};wimse-req-nonce="${nonce}"`
      const proof = readProof(proofFields(answered), 'answer')
      if (proof === undefined) throw new Error('there is no proof')
      checkAnswerCoverage(proof, response, { requestProof: proofOf('"@method" "@request-target" "x-a"', SENT) })
      return 'bound'
    }
    expect(check(own)).toBe('bound')
    for (const part of ['"@status"', '"@method";req', '"@request-target";req']) {
      expect(refused(() => check(own.replace(part, '').replace('  ', ' ').trim()))[0], part).toBe('answer-unbound')
    }
    expect(refused(() => check(own, '2'))).toEqual(['answer-unbound', 'wimse-req-nonce'])
    const typed = { status: 200, fields: new Fields(['Content-Type', 't']) }
    expect(refused(() => check(own, '1', typed))).toEqual(['answer-unbound', 'content-type'])
    expect(check(`${own} "content-type"`, '1', typed)).toBe('bound')
  })
})
