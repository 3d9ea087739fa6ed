/** Which workloads, of those that somebody asked about, have proven here by themselves who they are. */
export interface ProvenWorkloads {
  /** Asks about a workload from now on: gives whether it has proven itself since. */
  watch(id: string): () => boolean
  note(id: string): void
}

/** Remembers no more than what was asked about: strangers cannot fill it. */
export function createProvenWorkloads(): ProvenWorkloads {
  const proven = new Map<string, boolean>()
  return {
    watch(id) {
      if (!proven.has(id)) proven.set(id, false)
      return () => proven.get(id) === true
    },
    note(id) {
      if (proven.has(id)) proven.set(id, true)
    },
  }
}
