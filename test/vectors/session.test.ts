import { sessionVectors } from '../session/vector-suite.ts'

sessionVectors('node')
