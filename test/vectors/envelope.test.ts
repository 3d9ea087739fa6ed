import { ownVectors } from '../envelope/own-vectors.ts'
import { envelopeVectors } from '../envelope/vector-suite.ts'

envelopeVectors('node')
ownVectors('node')
