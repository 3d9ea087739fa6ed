import type { Decision, PolicyQuestion } from '../../src/policy/decision.ts'
import type { PolicyDocument, PolicyRule } from '../../src/policy/document.ts'

/** The semantics said a second time, rule by rule with regular expressions: slow, plain, and nothing shared with src. */
export function decideNaively({ rules }: PolicyDocument, question: PolicyQuestion, now: number): Decision {
  const about = rules.filter((rule) => isFor(rule, question.peer.id) && isAbout(rule, question) && !hasEnded(rule, now))
  const holding = about.filter((rule) => hasProofs(rule, question) && hasSealing(rule, question))
  const denying = holding.filter((rule) => rule.effect === 'deny')
  const deny = denying.find((rule) => rule.mode !== 'observe')
  if (deny !== undefined) return { effect: 'deny', rule: deny.id, code: 'policy-denied' }
  const allow = holding.find((rule) => rule.effect === 'allow' && rule.mode !== 'observe')
  const observing = denying[0]
  if (allow !== undefined && observing !== undefined) {
    return { effect: 'allow', rule: observing.id, code: 'policy-denied', observed: true }
  }
  if (allow !== undefined) return { effect: 'allow', rule: allow.id }
  const unsealed = about.find(
    (rule) =>
      rule.effect === 'allow' && rule.mode !== 'observe' && hasProofs(rule, question) && !hasSealing(rule, question),
  )
  if (unsealed !== undefined) return { effect: 'deny', rule: unsealed.id, code: 'encryption-required' }
  return { effect: 'deny', code: 'policy-denied' }
}

function isFor({ from }: PolicyRule, id: string): boolean {
  return from.some((pattern) => {
    const source = quoted(pattern)
      .replace(/\/\\\*\\\*$/, '(?:/[^/]+)+')
      .replace(/\/\\\*$/, '/[^/]+')
    return new RegExp(`^${source}$`).test(id)
  })
}

function isAbout({ effect, to }: PolicyRule, { method, path }: PolicyQuestion): boolean {
  return to.some((route) => {
    const [wantedMethod = '', wantedPath = ''] = route.split(' ')
    const asked = effect === 'deny' ? method.toUpperCase() : method
    if (wantedMethod !== '*' && wantedMethod !== (asked === 'HEAD' ? 'GET' : asked)) return false
    if (effect === 'allow') return patternOf(wantedPath, (text) => text).test(path)
    const pattern = patternOf(wantedPath, plainly)
    const plain = path.split('/').map(plainly).join('/')
    return [plain, slashToggled(plain)].some((spelling) => pattern.test(spelling))
  })
}

function patternOf(path: string, spell: (segment: string) => string): RegExp {
  const parts = path.split('/').map((segment) => {
    if (segment === '*') return '.*'
    return segment.startsWith(':') ? '[^/]+' : quoted(spell(segment))
  })
  return new RegExp(`^${parts.join('/')}$`, 's')
}

function plainly(segment: string): string {
  return decodeURIComponent(segment).toLowerCase()
}

function slashToggled(path: string): string {
  if (path === '/') return path
  return path.endsWith('/') ? path.slice(0, -1) : `${path}/`
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replaceAll('\\/', '/')
}

function hasEnded({ notAfter }: PolicyRule, now: number): boolean {
  return notAfter !== undefined && now > new Date(notAfter).getTime()
}

function hasProofs({ effect, when = {} }: PolicyRule, { peer }: PolicyQuestion): boolean {
  const used = [peer.authenticatedBy, ...peer.also.map(({ authenticatedBy }) => authenticatedBy)]
  if (effect === 'allow' && when.authenticatedBy === undefined && new Set(used).size === 1 && used[0] === 'api-key')
    return false
  if (when.authenticatedBy !== undefined && !used.some((way) => when.authenticatedBy?.includes(way))) return false
  return (when.scope ?? []).every((scope) => peer.scopes.includes(scope))
}

function hasSealing({ when = {} }: PolicyRule, { sealed = false }: PolicyQuestion): boolean {
  return when.sealed !== true || sealed
}
