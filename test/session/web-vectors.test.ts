import { vi } from 'vitest'
import { sessionVectors } from './vector-suite.ts'

vi.mock('#crypto', () => import('../../src/crypto/web.ts'))

sessionVectors('web')
