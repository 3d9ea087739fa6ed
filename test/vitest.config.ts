import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at('..'),
  resolve: {
    alias: {
      '#crypto': at('../src/crypto/node.ts'),
      '#platform': at('../src/platform/node.ts'),
    },
  },
  test: { include: ['test/**/*.test.ts'], exclude: ['test/services/**', 'test/runtimes/**'], testTimeout: 20_000 },
})
