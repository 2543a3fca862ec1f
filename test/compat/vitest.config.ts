/** Tests of processes and of the package once for each runtime, see scripts/test-compat.mjs. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import runtimes from './runtimes.json' with { type: 'json' }

const MODULES = fileURLToPath(new URL('./node_modules', import.meta.url))

const TESTS: Record<string, string[]> = {
  node: [
    'test/package/package.test.ts',
    'test/compat/node-sqlite.compat.ts',
    'test/process/{exit-paths,hard-deaths,writer-thread,threads,failures,disk}.test.ts',
  ],
  bun: ['test/compat/smoke.compat.ts', 'test/process/{exit-paths,threads}.test.ts'],
  // is to record and to store; how it treats signals and errors that nobody catches is its own affair
  deno: ['test/compat/smoke.compat.ts'],
}

const projects = runtimes.map(({ name, kind, command }) => {
  const [program, ...args] = command as [string, ...string[]]
  return {
    extends: true as const,
    test: {
      name,
      include: TESTS[kind]!,
      env: {
        KRONICLER_TEST_RUNTIME: JSON.stringify([join(MODULES, program), ...args]),
        KRONICLER_TEST_RUNTIME_NAME: kind,
      },
    },
  }
})

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'jest', include: ['test/compat/jest.compat.ts'] } },
      ...projects,
    ],
  },
})
