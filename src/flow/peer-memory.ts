import type { Jwk } from '../crypto/primitives.ts'
import { createLine, type Line } from './line.ts'

/** What verified answers of a peer have taught this process. */
export interface Known {
  /** Added to our clock when signing for this peer: its clock, by its last answer. */
  clockOffsetSeconds: number
  /** The seal key of its newest verified token, good until that token expires: the peer keeps the private half as long. */
  sealKey: { readonly jwk: Jwk; readonly expiresAt: number } | undefined
  /** It once asked for sealing: it gets no plain body from this process again. */
  demandsSeal: boolean
  /** Monotonic: when to ask again what it speaks. */
  discoverAfterMs: number
  /** The discovery that is under way: whoever needs to know waits for the same one. */
  discovering: Promise<void> | undefined
  /** By base URL: a session belongs to one. */
  readonly lines: Map<string, Line>
}

/** One entry a peer, for peers this process calls: bounded by who is in its directory. */
export interface PeerMemory {
  of(peer: string): Known
  /** Everything that is known of any peer. */
  all(): Iterable<Known>
}

const MAX_PEERS = 10_000
/** A peer answers at a few origins; beyond this many the oldest line is forgotten, which costs a handshake. */
const MAX_LINES = 64

/** Remembers peers; beyond the bound the oldest that never asked for sealing is forgotten first. */
export function createPeerMemory(): PeerMemory {
  const known = new Map<string, Known>()
  return {
    of(peer: string): Known {
      const found = known.get(peer)
      if (found !== undefined) return found
      if (known.size >= MAX_PEERS) forgetOne(known)
      const fresh: Known = {
        clockOffsetSeconds: 0,
        sealKey: undefined,
        demandsSeal: false,
        discoverAfterMs: Number.NEGATIVE_INFINITY,
        discovering: undefined,
        lines: new Map(),
      }
      known.set(peer, fresh)
      return fresh
    },
    all: () => known.values(),
  }
}

function forgetOne(known: Map<string, Known>): void {
  for (const [peer, { demandsSeal }] of known) {
    if (demandsSeal) continue
    known.delete(peer)
    return
  }
}

/** The line to one base URL of a peer. */
export function lineTo({ lines }: Known, baseUrl: string): Line {
  const found = lines.get(baseUrl)
  if (found !== undefined) return found
  const oldest = lines.keys().next()
  if (lines.size >= MAX_LINES && !oldest.done) lines.delete(oldest.value)
  const fresh = createLine()
  lines.set(baseUrl, fresh)
  return fresh
}
