/**
 * Type-checks the project, and the decorator tests that need `experimentalDecorators` under their own
 * tsconfig. Needs no build: the package's own name resolves to src (tsconfig.json, `paths`).
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const cwd = fileURLToPath(new URL('..', import.meta.url))

await import('./build-kernels.mjs') // src imports the file it generates

for (const project of ['tsconfig.json', 'test/types/tsconfig.legacy.json']) {
  if (!existsSync(`${cwd}/${project}`)) continue
  console.log(`tsc -p ${project}`)
  const { status } = spawnSync(process.execPath, [tsc, '-p', project], { cwd, stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
