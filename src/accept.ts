export type { Authenticator, Established, Evidence } from './peer/authenticator.ts'
export { type WorkloadProofName, workloadProof } from './peer/workload-proof.ts'
