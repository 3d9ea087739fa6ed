import { componentOf } from './component.ts'
import { type Coverage, coverageOf, createProof, type Proof } from './proof.ts'
import { PROOF_TOKEN_TAG } from './proof-parameters.ts'

const PROOF_TOKEN = componentOf('workload-proof-token')
const COMPONENTS = Object.freeze([PROOF_TOKEN])
const { identities, ofRequest } = coverageOf(COMPONENTS)

/** What of a proof token an answer is bound to, and what it says of the request. */
export interface TokenProofParts {
  readonly audience: string
  /** Epoch seconds. */
  readonly created: number
  readonly expires: number
  readonly id: string
  /** The header fields it is bound to, in lower case. */
  readonly covered: ReadonlySet<string>
}

/**
 * The proof of a request that comes with a workload proof token. It covers nothing of the message but the tokens in it;
 * its answer is bound to the proof token itself.
 */
export function createTokenProof({ audience, created, expires, id, covered }: TokenProofParts): Proof {
  const parameters = { created, expires, nonce: id, tag: PROOF_TOKEN_TAG, audience, signResponse: true }
  const parts = { label: '', components: COMPONENTS, parameters, signature: '', member: '' }
  const coverage: Coverage = { identities, fields: covered, ofRequest }
  return createProof(parts, coverage)
}

/** Whether a proof is a proof token: it covers neither method, target, body nor fields. */
export function isTokenProof({ parameters }: Pick<Proof, 'parameters'>): boolean {
  return parameters.tag === PROOF_TOKEN_TAG
}
