import { describe, expect } from 'vitest'
import { parseWorkloadId, readWorkloadId } from '../../src/identity/workload-id.ts'
import { refusal } from '../core/refusal.ts'
import { vectorFile, vectorIt } from './load.ts'

interface Identifiers {
  readonly valid: readonly string[]
  readonly invalid: readonly (readonly [string, string])[]
  readonly origins: readonly string[]
}

function identifiers(): Identifiers {
  const file = vectorFile('wimse-vectors.json') as { sections: { identifier: Identifiers } }
  return file.sections.identifier
}

describe('workload identifiers of the drafts', () => {
  vectorIt('are taken as they are', () => {
    const { valid, origins } = identifiers()
    for (const id of valid) expect(parseWorkloadId(id).id, id).toBe(id)
    const found = new Set(valid.map((id) => readWorkloadId(id)?.origin))
    for (const origin of origins) expect(found, origin).toContain(origin)
  })

  vectorIt('are refused where they are wrong', () => {
    for (const [id, why] of identifiers().invalid) {
      expect(readWorkloadId(id), `${id}: ${why}`).toBeUndefined()
      expect(refusal(() => parseWorkloadId(id)).code, `${id}: ${why}`).toBe('option-invalid')
    }
  })
})
