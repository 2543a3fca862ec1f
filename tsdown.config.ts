import { defineConfig, type UserConfig } from 'tsdown'

const common: UserConfig = {
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  // Every output stands directly in dist, the chunks that entries share too:
  // `new URL('./writer-thread.cjs', import.meta.url)` then holds wherever the code ends up.
  outDir: 'dist',
  hash: false,
  fixedExtension: false, // .js and .cjs, not .mjs and .cjs
}

export default defineConfig([
  {
    ...common,
    entry: {
      index: 'src/index.ts',
      database: 'src/database.ts',
      sqlite: 'src/sqlite.ts',
      postgres: 'src/postgres.ts',
    },
    format: ['esm', 'cjs'],
    dts: true,
  },
  {
    ...common,
    entry: { cli: 'src/cli/main.ts' },
    format: 'esm',
    dts: false,
    outputOptions: { chunkFileNames: 'cli-[name].js' }, // apart from the chunks of the build above
  },
  {
    // One file that imports nothing of ours: the thread starts from it in either module system.
    ...common,
    entry: { 'writer-thread': 'src/writer/thread.ts' },
    format: 'cjs',
    dts: false,
    outputOptions: { codeSplitting: false },
  },
  {
    // likewise
    ...common,
    entry: { 'outputs-thread': 'src/outputs/thread.ts' },
    format: 'cjs',
    dts: false,
    outputOptions: { codeSplitting: false },
  },
  {
    // Loaded at once, in either module system, by programs that have outputs.
    ...common,
    entry: { 'outputs-host': 'src/outputs/host.ts' },
    format: 'cjs',
    dts: false,
    outputOptions: { codeSplitting: false },
  },
])
