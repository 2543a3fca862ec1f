/**
 * Runs every examples/*.mjs, *.cjs and *.ts against the built package, each in its own process and its
 * own temporary working directory. Fails when one exits non-zero or takes longer than TIMEOUT_MS.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TIMEOUT_MS = 60_000
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const EXAMPLES = join(ROOT, 'examples')

const names = existsSync(EXAMPLES)
  ? readdirSync(EXAMPLES)
      .filter((name) => /(?<!\.d)\.(mjs|cjs|ts)$/.test(name))
      .sort()
  : []
const failed = names.filter((name) => !runExample(name))
console.log(`${names.length - failed.length} of ${names.length} examples passed`)
for (const name of failed) console.log(`failed: examples/${name}`)
process.exitCode = failed.length > 0 ? 1 : 0

/** @returns {boolean} whether it exited with 0 in time */
function runExample(name) {
  console.log(`examples/${name}`)
  const cwd = mkdtempSync(join(tmpdir(), 'kronicler-example-'))
  const loader = name.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : []
  const { status, signal, error } = spawnSync(process.execPath, [...loader, join(EXAMPLES, name)], {
    cwd,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.run.json') },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  rmSync(cwd, { recursive: true, force: true })
  if (error) console.error(error.message)
  else if (status !== 0) console.error(`exit ${status ?? signal}`)
  return status === 0
}
