/**
 * @module bench/peers/install
 * Installs the packages of this folder when they are asked for, not with the project's own.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { progress } from '../harness/report.ts'

const TIMEOUT_MS = 300_000

let failure: string | undefined

/**
 * Does nothing if they are there, and tries once.
 *
 * @returns why it was not possible; undefined: they are there
 */
export function installPeers(): string | undefined {
  if (isInstalled()) return undefined
  return (failure ??= install())
}

function install(): string | undefined {
  progress('installing the packages of bench/peers')
  const { error, status, stderr } = spawnSync('npm', ['run', 'bench:peers'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
    shell: process.platform === 'win32', // where npm is a script
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIMEOUT_MS,
  })
  if (status === 0 && isInstalled()) return undefined
  const line = stderr.split('\n').find((text) => /^npm (error|ERR!) code/.test(text))
  return `npm run bench:peers failed: ${error?.message ?? line ?? `exit code ${status}`}`
}

/** In the versions of package.json. */
function isInstalled(): boolean {
  const { dependencies } = manifest('.') as { dependencies: Record<string, string> }
  return Object.entries(dependencies).every(([name, version]) => {
    try {
      return (manifest(`node_modules/${name}`) as { version: string }).version === version
    } catch {
      return false // not there
    }
  })
}

function manifest(folder: string): unknown {
  return JSON.parse(readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8'))
}
