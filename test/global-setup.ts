/**
 * Builds the package before the tests when dist is older than what it is built from: tests of the real
 * background thread import `kronicler`, which is the build.
 *
 * KRONICLER_SKIP_BUILD=1 tests the dist that is there, whatever its age.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const INPUTS = ['src', 'package.json', 'tsconfig.json', 'tsdown.config.ts']
const OUTPUTS = ['dist/index.js', 'dist/index.cjs', 'dist/cli.js', 'dist/writer-thread.cjs']

export default function setup(): void {
  run('scripts/build-kernels.mjs') // unit tests import src, and src the compiled kernels
  if (!OUTPUTS.every((path) => existsSync(join(ROOT, path)))) build()
  else if (process.env['KRONICLER_SKIP_BUILD'] !== '1' && isStale()) build()
}

/** Over what is there, so that a process that runs from dist at this moment keeps its files. */
function build(): void {
  run('node_modules/tsdown/dist/run.mjs', '--no-clean', '--logLevel', 'warn')
}

function run(script: string, ...args: string[]): void {
  execFileSync(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT, stdio: 'inherit' })
}

function isStale(): boolean {
  const builtMs = Math.min(...OUTPUTS.map((path) => statSync(join(ROOT, path)).mtimeMs))
  return INPUTS.some((path) => newestMs(join(ROOT, path)) > builtMs)
}

/** Latest modification of a file, or of anything below a folder, the folders themselves included. */
function newestMs(path: string): number {
  const status = statSync(path)
  if (!status.isDirectory()) return status.mtimeMs
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestMs(join(path, name))),
    status.mtimeMs,
  )
}
