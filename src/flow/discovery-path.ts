/** Where a guard tells proven callers what it speaks, below its own mount. */
export const DISCOVERY_PATH = '/.well-known/countersign'
