export { createFakeClock, type FakeClock } from './testing/fake-clock.ts'
export { type TestDomain, testDomain } from './testing/test-domain.ts'
