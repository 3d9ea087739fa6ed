import type { Source } from '../keys/source.ts'
import type { TrustBundle } from './bundle.ts'

/** Gives the trust bundle, and says when there may be a new one. */
export type TrustSource = Source<TrustBundle>
