import { vi } from 'vitest'
import { cryptoKeys } from './crypto-key-suite.ts'

vi.mock('#crypto', () => import('../../src/crypto/web.ts'))

cryptoKeys('web')
