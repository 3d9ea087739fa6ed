import { CountersignError } from '../../core/errors.ts'
import { checkOptions } from '../../core/options.ts'
import { API_KEY } from '../../identity/peer.ts'
import { isOwn, type Surroundings } from '../../peer/authenticator.ts'
import { type Proxies, readProxies } from '../../peer/proxies.ts'
import { accepts, acceptsSessions, isWorkloadProof, workloadProof } from '../../peer/workload-proof.ts'
import type { Authorizer } from '../../policy/decision.ts'
import { isDemanded, isProofField } from '../../signature/coverage.ts'
import type { Engine, Mode } from '../engine.ts'
import type { GuardOptions } from './guard-options.ts'
import { guardOptionsSchema } from './schema.ts'
import { bindWays, secretsOf, surroundingsOf, type Way } from './ways.ts'

/** The options of a guard, checked and completed once. */
export interface GuardSettings {
  readonly engine: Engine
  readonly policy: Authorizer
  readonly accept: readonly Way[]
  readonly mode: Mode
  readonly sealRequired: boolean
  readonly maxBodyBytes: number
  readonly exempt: ReadonlySet<string>
  readonly pass: ReadonlySet<string>
  /** Fields in which callers show secrets, which are for nobody else … */
  readonly secrets: ReadonlySet<string>
  /** … and those that are where no signature covers them. */
  readonly handedOn: ReadonlySet<string>
  readonly upgrades: ReadonlySet<string>
  readonly json: boolean
  readonly strippedPrefix: string
  /** The hops that are believed. */
  readonly proxies: Proxies
  readonly around: Surroundings
  /** Whether callers may prove themselves by tokens alone. */
  readonly takesProofTokens: boolean
  /** Whether callers may open sessions here. */
  readonly offersSessions: boolean
  /** Whether some route demands sealed bodies. */
  demandsSealing(): boolean
}

const NAMES_OF_PROOFS = new Set([
  '',
  'session',
  'signature',
  'proof-token',
  'certificate',
  'bearer',
  API_KEY,
  'none',
  'workload',
])

/** Checks a guard's options where they are given. */
export function checkGuardOptions(options: GuardOptions): GuardOptions {
  const checked = checkOptions(guardOptionsSchema, options, 'guard options')
  const forbidden = checked.pass?.find((name) => isProofField(name) || isDemanded(name))
  // Condition: a guard that is told to pass a field which must be covered is refused.
  if (forbidden !== undefined) {
    throw new CountersignError('option-invalid', {
      detail: {
        option: 'guard options.pass',
        fix: `"${forbidden}" must be covered by the signature and cannot be passed on`,
      },
    })
  }
  const nameless = checked.accept?.find((one) => !isWorkloadProof(one) && !isOwn(one) && NAMES_OF_PROOFS.has(one.name))
  // Condition: an authenticator of your own that goes by the name of a proof is refused.
  if (nameless !== undefined) {
    const fix = 'name it otherwise than a proof of the library: the name is what policies ask for'
    throw new CountersignError('option-invalid', { detail: { option: 'guard options.accept', fix } })
  }
  return checked
}

/** Completes a guard's options for a workload: nothing of them is looked at again per request. */
export function guardSettings(engine: Engine, checked: GuardOptions): GuardSettings {
  const { policy } = checked
  if ('bindReport' in policy && typeof policy.bindReport === 'function') policy.bindReport(engine.report)
  const accept = checked.accept ?? [workloadProof()]
  const around = surroundingsOf(engine)
  const ways = bindWays(accept, engine, around)
  const proxies = readProxies(checked.trustedProxies ?? [])
  // Who is told to believe a certificate where none can be verified hears of it now.
  if (proxies.ids.size > 0) around.certificates()
  return Object.freeze({
    engine,
    policy,
    accept: ways,
    mode: checked.mode ?? engine.mode,
    sealRequired: checked.seal === 'required',
    maxBodyBytes: checked.maxBodyBytes ?? 1_048_576,
    exempt: new Set(checked.exempt),
    pass: new Set(checked.pass),
    secrets: secretsOf(ways, 'secrets'),
    handedOn: secretsOf(ways, 'handedOn'),
    upgrades: new Set(checked.upgrades?.map((protocol) => protocol.toLowerCase())),
    json: checked.json === true,
    proxies,
    around,
    strippedPrefix: checked.strippedPrefix ?? '',
    takesProofTokens: accept.some((one) => accepts(one, 'proof-token')),
    offersSessions: engine.sessions !== undefined && accept.some(acceptsSessions),
    demandsSealing: () => checked.seal === 'required' || ('demandsSealing' in policy && policy.demandsSealing === true),
  })
}
