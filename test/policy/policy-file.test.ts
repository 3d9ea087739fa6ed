import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ErrorDetail } from '../../src/core/errors.ts'
import type { NoticeType } from '../../src/core/notice.ts'
import { type PolicyFile, policyFile, type ReportingPolicyFile } from '../../src/policy/policy-file.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import { documentOf, question } from './ask.ts'

type Notice = readonly [NoticeType, ErrorDetail | undefined]

/** Collects what is reported, and lets a test wait for the next. */
function createListener() {
  const notices: Notice[] = []
  let wake = () => {}
  return {
    notices,
    report(type: NoticeType, detail?: ErrorDetail) {
      notices.push([type, detail])
      wake()
    },
    async until(count: number) {
      while (notices.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return notices[count - 1]
    },
  }
}

const ALLOW = JSON.stringify(documentOf([{ id: 'first' }]))
const SECOND = JSON.stringify(documentOf([{ id: 'second', when: { sealed: true } }]))
const call = question('GET /a', { sealed: true })

describe('policyFile', () => {
  let folder: string
  let path: string
  let policies: PolicyFile[]
  const follow = (where = path) => {
    const policy = policyFile(where) as ReportingPolicyFile
    policies.push(policy)
    return policy
  }
  const replace = async (text: string) => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-policy-'))
    path = join(folder, 'policy.json')
    policies = []
  })
  afterEach(async () => {
    for (const policy of policies) policy.close()
    await rm(folder, { recursive: true })
  })

  it('decides with a promise until the file is read, then at once', async () => {
    await replace(ALLOW)
    const policy = follow()
    const early = policy.decide(call)
    expect(early).toBeInstanceOf(Promise)
    expect(refusal(() => policy.explain(call)).code).toBe('policy-unavailable')
    expect(await early).toEqual({ effect: 'allow', rule: 'first' })
    expect(policy.decide(call)).toEqual({ effect: 'allow', rule: 'first' })
    expect(policy.explain(call).decision.rule).toBe('first')
    await policy.ready()
  })

  it('a policy file that could not be read or used decides nothing', async () => {
    const policy = follow()
    const early = policy.decide(call)
    const wanted = { code: 'policy-invalid', detail: { option: path } }
    expect(await refusalOf(() => early)).toMatchObject(wanted)
    expect(await refusalOf(() => policy.ready())).toMatchObject(wanted)
    expect(refusal(() => policy.decide(call))).toMatchObject(wanted)
    expect(refusal(() => policy.explain(call))).toMatchObject(wanted)
    expect(policy.demandsSealing).toBe(false)
  })

  it('names the file, the place and the fix', async () => {
    const wrong = [
      [JSON.stringify(documentOf([{ to: ['GET a'] }])), `${path} rules[0].to[0]`, /path as it is signed/],
      [ALLOW.replace('"rules"', '"zones":{},"rules"'), `${path} zones`, /not supported in this version/],
      ['{ "version": 1, "rules": [', path, /write valid JSON/],
    ] as const
    for (const [text, option, fix] of wrong) {
      await replace(text)
      const error = await refusalOf(() => follow().ready())
      expect(error).toMatchObject({ code: 'policy-invalid', detail: { option, fix: expect.stringMatching(fix) } })
      expect(error.message).toContain(path)
    }
  })

  it('takes a valid new version as a whole, and says so', async () => {
    await replace(ALLOW)
    const policy = follow()
    const { report, until } = createListener()
    policy.bindReport(report)
    await policy.ready()
    expect(policy.demandsSealing).toBe(false)
    await replace(SECOND)
    expect(await until(1)).toEqual(['policy.changed', { option: path }])
    expect(policy.decide(call)).toEqual({ effect: 'allow', rule: 'second' })
    expect(policy.demandsSealing).toBe(true)
  })

  it('an invalid new version of a policy file leaves the one before in place', async () => {
    await replace(ALLOW)
    const policy = follow()
    const { report, until } = createListener()
    policy.bindReport(report)
    await policy.ready()
    await replace(SECOND.replace('"allow"', '"permit"'))
    expect(await until(1)).toEqual(['policy.rejected', expect.objectContaining({ option: `${path} rules[0].effect` })])
    expect(policy.decide(call)).toEqual({ effect: 'allow', rule: 'first' })
    await replace(SECOND)
    expect(await until(2)).toEqual(['policy.changed', { option: path }])
    expect(policy.decide(call)).toEqual({ effect: 'allow', rule: 'second' })
  })

  it('is mended by a corrected file, and tells whom it is bound to later what went wrong before', async () => {
    const policy = follow()
    await refusalOf(() => policy.ready())
    const { report, until, notices } = createListener()
    policy.bindReport(report)
    expect(notices).toEqual([['policy.rejected', expect.objectContaining({ option: path })]])
    await replace(ALLOW)
    expect(await until(2)).toEqual(['policy.changed', { option: path }])
    expect(policy.decide(call)).toEqual({ effect: 'allow', rule: 'first' })
    await policy.ready()
    const late = createListener()
    policy.bindReport(late.report)
    expect(late.notices).toEqual([])
  })

  it('tells nothing of a rejected version to who is bound after the old one was put back', async () => {
    const texts = [ALLOW, 'no JSON', ALLOW]
    let changed = () => {}
    const watchFile = (_path: string, callback: () => void) => {
      changed = callback
      return { close: () => {} }
    }
    const { policyFile: faked } = await withPlatform({ readText: async () => texts.shift() as string, watchFile })
    const policy = faked('policy.json') as ReportingPolicyFile
    await policy.ready()
    const [early, late] = [createListener(), createListener()]
    for (const { report } of [early, late]) {
      changed()
      await policy.ready()
      policy.bindReport(report)
    }
    expect(early.notices.map(([type]) => type)).toEqual(['policy.rejected'])
    expect(late.notices).toEqual([])
  })

  it('tells every trail once, though two guards share it', async () => {
    const policy = follow()
    const [one, other] = [createListener(), createListener()]
    for (const { report } of [one, one, other]) policy.bindReport(report)
    await refusalOf(() => policy.ready())
    expect([one.notices.length, other.notices.length]).toEqual([1, 1])
    for (const { report } of [one, other]) policy.bindReport(report)
    expect([one.notices.length, other.notices.length]).toEqual([1, 1])
  })

  it('reads as often as it is told that the file changed, one reading at a time, and not after it was closed', async () => {
    const texts = [ALLOW, 'no JSON', SECOND, SECOND, ALLOW]
    let changed = () => {}
    let closed = 0
    let reading = 0
    const readText = async () => {
      expect(++reading).toBe(1)
      await Promise.resolve()
      reading--
      return texts.shift() as string
    }
    const watchFile = (_path: string, callback: () => void) => {
      changed = callback
      return { close: () => closed++ }
    }
    const { policyFile: faked } = await withPlatform({ readText, watchFile })
    const policy = faked('policy.json') as ReportingPolicyFile
    const { report, notices } = createListener()
    policy.bindReport(report)
    // Told during the first reading, and several times: one more reading follows, then one for each that comes alone.
    for (let i = 0; i < 5; i++) changed()
    await policy.ready()
    await policy.ready()
    expect([texts.length, notices.map(([type]) => type)]).toEqual([3, ['policy.rejected']])
    for (let i = 0; i < 2; i++) {
      changed()
      await policy.ready()
    }
    expect([texts.length, notices.map(([type]) => type)]).toEqual([1, ['policy.rejected', 'policy.changed']])
    policy.close()
    changed()
    await policy.ready()
    expect([texts.length, closed, policy.decide(call)]).toEqual([1, 1, { effect: 'allow', rule: 'second' }])
  })

  it('uses what it was reading when it was closed, and says nothing any more', async () => {
    for (const [text, notices] of [
      [ALLOW, 0],
      ['no JSON', 0],
    ] as const) {
      await replace(text)
      const policy = follow()
      const listener = createListener()
      policy.bindReport(listener.report)
      policy.close()
      await policy.ready().catch(() => {})
      expect(listener.notices).toHaveLength(notices)
      if (text === ALLOW) expect(policy.decide(call)).toEqual({ effect: 'allow', rule: 'first' })
      else expect(refusal(() => policy.decide(call)).code).toBe('policy-invalid')
    }
  })

  it('throws at once where there is no disk', async () => {
    const { platform } = await import('../../src/platform/web.ts')
    const { policyFile: diskless } = await withPlatform(platform)
    expect(refusal(() => diskless('policy.json')).code).toBe('no-disk')
  })

  it('a policy file without a path is refused', () => {
    for (const wrong of ['', undefined, 5] as string[]) {
      expect(refusal(() => policyFile(wrong))).toMatchObject({
        code: 'option-invalid',
        detail: { option: 'policyFile' },
      })
    }
    expect(refusal(() => policyFile(path, { clock: {} } as never)).code).toBe('option-invalid')
  })
})

/** The module anew, on another platform. */
async function withPlatform(platform: object): Promise<typeof import('../../src/policy/policy-file.ts')> {
  vi.resetModules()
  vi.doMock('#platform', () => ({ platform }))
  try {
    return await import('../../src/policy/policy-file.ts')
  } finally {
    vi.doUnmock('#platform')
    vi.resetModules()
  }
}
