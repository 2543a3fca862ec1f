/**
 * Tests the packed package on every supported Node.js, on Bun and Deno, and under jest. Their programs are packages of
 * test/compat, installed there when they are missing: 1 GB, so not among the dependencies of the repository.
 *
 * Where they cannot be had (another platform, no network) it says so and passes; with CI=true in the environment it fails.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COMPAT = join(ROOT, 'test', 'compat')
/** The packages are made for it. */
const PLATFORM = 'linux-x64'
const STAMP = join(COMPAT, 'node_modules', '.installed')

const refusal = install() ?? missing()
if (refusal !== undefined) {
  console.error(`test:compat has tested nothing: ${refusal}`)
  process.exit(process.env.CI === 'true' ? 1 : 0)
}
const project = makeProject()
try {
  process.exitCode = runTests(project)
} finally {
  rmSync(project, { recursive: true, force: true })
}

/** @returns {string | undefined} why the runtimes are not there */
function install() {
  const platform = `${process.platform}-${process.arch}`
  if (platform !== PLATFORM) return `the runtimes are packages for ${PLATFORM}, this is ${platform}`
  const lock = readFileSync(join(COMPAT, 'package-lock.json'), 'utf8')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return undefined
  console.log('installing the runtimes in test/compat')
  // of the packages none needs its scripts
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const { status } = spawnSync('npm', args, { cwd: COMPAT, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) return `npm ci in ${COMPAT} failed`
  writeFileSync(STAMP, lock)
  return undefined
}

/** @returns {string | undefined} which runtimes do not run */
function missing() {
  /** @type {{ name: string, command: [string, ...string[]] }[]} */
  const runtimes = JSON.parse(readFileSync(join(COMPAT, 'runtimes.json'), 'utf8'))
  const broken = runtimes.filter(({ name, command }) => {
    const program = join(COMPAT, 'node_modules', command[0])
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
    if (status === 0) console.log(`${name}: ${stdout.split('\n')[0]}`)
    return status !== 0
  })
  return broken.length === 0
    ? undefined
    : `${broken.map(({ name }) => name).join(', ')} cannot be run`
}

/** A project that has the packed package installed, and the programs of test/process. */
function makeProject() {
  const folder = mkdtempSync(join(tmpdir(), 'kronicler-compat-'))
  chmodSync(folder, 0o755) // a test runs as another user
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
  const tarball = execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8' }).trim()
  const installed = join(folder, 'node_modules', 'kronicler')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, tarball), '--strip-components=1', '-C', installed])
  writeFileSync(
    join(folder, 'package.json'),
    '{ "type": "module", "dependencies": { "kronicler": "*" } }\n',
  )
  cpSync(join(ROOT, 'test', 'process', 'fixtures'), join(folder, 'fixtures'), { recursive: true })
  return folder
}

/** @param {string} folder */
function runTests(folder) {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const config = join(COMPAT, 'vitest.config.ts')
  const args = [vitest, 'run', '--config', config, ...process.argv.slice(2)]
  const { status } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, KRONICLER_TEST_PROJECT: folder },
  })
  return status ?? 1
}
