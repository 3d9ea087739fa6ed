/** Where a guard tells proven callers what it speaks, below its own mount. */
export const DISCOVERY_PATH = '/.well-known/countersign'

/** Where a guard opens sessions, below its own mount. */
export const SESSION_PATH = '/.well-known/countersign/session'
