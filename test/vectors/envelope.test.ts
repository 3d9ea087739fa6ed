import { envelopeVectors } from '../envelope/vector-suite.ts'

envelopeVectors('node')
