import type { Body } from './body.ts'
import type { BodyKey } from './body-key.ts'
import { ChunkOpener, ChunkSealer } from './chunk-body.ts'
import { RecordOpener, RecordSealer } from './record-body.ts'

/** What seals a body as its suite says. */
export function sealerFor(key: BodyKey): Body {
  return key.suite.hasRecords ? new RecordSealer(key) : new ChunkSealer(key)
}

/** What opens a body as its suite says: nothing is handed on that was not verified. */
export function openerFor(key: BodyKey, maxPlaintextBytes: number): Body {
  return key.suite.hasRecords ? new RecordOpener(key, maxPlaintextBytes) : new ChunkOpener(key, maxPlaintextBytes)
}
