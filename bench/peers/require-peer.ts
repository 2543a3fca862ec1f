/**
 * @module bench/peers/require-peer
 * Loads packages of this folder, which the project itself does not have.
 */
import { createRequire } from 'node:module'

const requireHere = createRequire(import.meta.url)
const requireOfClickhouse = createRequire(new URL('clickhouse/package.json', import.meta.url))

/** @throws {Error} MODULE_NOT_FOUND: it is not installed; see install.ts */
export function requirePeer(name: string): unknown {
  return requireHere(name)
}

/** chDB. @throws {Error} MODULE_NOT_FOUND */
export function requireClickhouse(): unknown {
  return requireOfClickhouse('chdb')
}
