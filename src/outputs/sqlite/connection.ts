/**
 * @module outputs/sqlite/connection
 * An open SQLite database, by whichever driver there is. All of them are synchronous: for a thread that may wait.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { KroniclerError } from '../../errors.ts'
import { requirePackage } from '../require-package.ts'
import type { SqliteDriverName } from '../../types.ts'

export type SqliteValue = string | number | null | Uint8Array

export interface SqliteStatement {
  run(...values: SqliteValue[]): { changes: number | bigint }
  all(...values: SqliteValue[]): unknown[]
}

export interface SqliteConnection {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

type Database = new (path: string) => SqliteConnection

const INSTALL =
  'saving to SQLite needs node:sqlite (Node.js 22.13 or later), or a package: npm install libsql (or better-sqlite3)'

/** This version and later end the process when an older Node.js loads them. */
const BETTER_SQLITE3_FOR_NODE_22 = 13

/**
 * @param name undefined: the first that is there
 * @throws {KroniclerError} KRONICLER_DRIVER: there is none
 */
export function openSqlite(path: string, name: SqliteDriverName | undefined): SqliteConnection {
  return new (loadDriver(name))(path)
}

function loadDriver(name: SqliteDriverName | undefined): Database {
  const reasons: string[] = []
  for (const driver of name === undefined ? (Object.keys(LOADERS) as SqliteDriverName[]) : [name]) {
    try {
      const loaded = LOADERS[driver]()
      if (loaded !== undefined) return loaded
    } catch (error) {
      if (!isMissing(error)) reasons.push(`${driver}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  const found = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`
  const asked = name === undefined ? INSTALL : `the SQLite driver ${name} is not there; ${INSTALL}`
  throw new KroniclerError('KRONICLER_DRIVER', asked + found)
}

/** In the order in which they are tried; undefined: it is not for this runtime. */
const LOADERS: Record<SqliteDriverName, () => Database | undefined> = {
  'node:sqlite': () => loadBuiltin(),
  'better-sqlite3': () => (isUnsafeBetterSqlite3() ? undefined : loadPackage('better-sqlite3')),
  libsql: () => loadPackage('libsql'),
}

/** Tells nobody that it is experimental: who asks for an output did not ask for it. */
function loadBuiltin(): Database | undefined {
  const host = process as { getBuiltinModule?: (name: string) => unknown }
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return (host.getBuiltinModule?.('node:sqlite') as { DatabaseSync: Database } | undefined)
      ?.DatabaseSync
  } finally {
    process.emitWarning = emitWarning
  }
}

function loadPackage(name: string): Database {
  return requirePackage(name)(name) as Database
}

function isUnsafeBetterSqlite3(): boolean {
  if (Number(process.versions.node.split('.')[0]) >= 22) return false
  let folder = dirname(requirePackage('better-sqlite3').resolve('better-sqlite3'))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    version: string
  }
  return parseInt(manifest.version, 10) >= BETTER_SQLITE3_FOR_NODE_22
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
}
