import { defineConfig } from 'vitest/config'
import { decoratorsPlugin } from './test/decorators-plugin.ts'

export default defineConfig({
  plugins: [decoratorsPlugin()],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--expose-gc'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/database/kernels/assembly/**', 'src/database/kernels/kernels.wasm.ts'],
    },
  },
})
