export type { Authenticator, Established, Evidence } from './peer/authenticator.ts'
export { bearerToken } from './peer/bearer-token.ts'
export type { BearerAlgorithm, BearerTokenOptions, DpopOptions } from './peer/bearer-token-options.ts'
export { type WorkloadProofName, workloadProof } from './peer/workload-proof.ts'
