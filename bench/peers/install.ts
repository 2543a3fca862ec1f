/**
 * @module bench/peers/install
 * Installs the packages of this folder when they are asked for, not with the project's own.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { progress } from '../harness/report.ts'

const TIMEOUT_MS = 300_000

const failures = new Map<string, string>()

/**
 * Does nothing if they are there, and tries once.
 *
 * @returns why it was not possible; undefined: they are there
 */
export function installPeers(): string | undefined {
  return ensure('.', 'bench:peers')
}

/** The same for ClickHouse. It has no lock file: of its packages for other systems some are in no registry. */
export function installClickhouse(): string | undefined {
  return ensure('clickhouse', 'bench:clickhouse')
}

function ensure(folder: string, script: string): string | undefined {
  if (isInstalled(folder)) return undefined
  const failure = failures.get(folder) ?? install(folder, script)
  if (failure !== undefined) failures.set(folder, failure)
  return failure
}

function install(folder: string, script: string): string | undefined {
  progress(`npm run ${script}`)
  const { error, status, stderr } = spawnSync('npm', ['run', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
    shell: process.platform === 'win32', // where npm is a script
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIMEOUT_MS,
  })
  if (status === 0 && isInstalled(folder)) return undefined
  const line = stderr.split('\n').find((text) => /^npm (error|ERR!) code/.test(text))
  return `npm run ${script} failed: ${error?.message ?? line ?? `exit code ${status}`}`
}

/** In the versions of package.json. */
function isInstalled(folder: string): boolean {
  const { dependencies } = manifest(folder) as { dependencies: Record<string, string> }
  return Object.entries(dependencies).every(([name, version]) => {
    try {
      const path = `${folder}/node_modules/${name}`
      return (manifest(path) as { version: string }).version === version
    } catch {
      return false // not there
    }
  })
}

function manifest(folder: string): unknown {
  return JSON.parse(readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8'))
}
