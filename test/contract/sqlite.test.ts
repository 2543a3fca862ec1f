import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { sqliteOutput } from '../../src/internal/output-options.ts'
import { openStore } from '../../src/outputs/open-store.ts'
import { openSqlite } from '../../src/outputs/sqlite/connection.ts'
import { SQLITE_QUANTILE } from '../support/sqlite-quantile.ts'
import { outputContract } from './output.ts'

const folder = mkdtempSync(join(tmpdir(), 'kronicler-sqlite-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

let made = 0
const hasShell = tryShell()

/** Read by SQLite's own shell, where it is installed, and otherwise by a connection of the driver's. */
function read(path: string, sql: string): Record<string, unknown>[] {
  if (hasShell) {
    const text = execFileSync('sqlite3', ['-json', path, sql], { encoding: 'utf8' })
    return text === '' ? [] : (JSON.parse(text) as Record<string, unknown>[])
  }
  const connection = openSqlite(path, undefined)
  try {
    if (!/^\s*(SELECT|WITH)/.test(sql)) return (connection.exec(sql), [])
    const rows = connection.prepare(sql).all() as Record<string, unknown>[]
    return rows.map(({ _metadata, ...row }) => row)
  } finally {
    connection.close()
  }
}

function tryShell(): boolean {
  try {
    return execFileSync('sqlite3', ['-json', ':memory:', 'SELECT 1 AS one'], {
      encoding: 'utf8',
    }).includes('one')
  } catch {
    return false
  }
}

outputContract(
  'sqlite',
  {
    async create() {
      const path = join(folder, `${++made}.db`)
      return {
        open: () => openStore(sqliteOutput(path)),
        read: async (sql) => read(path, sql),
      }
    },
    quantileSql: (name, quantile) =>
      SQLITE_QUANTILE.replaceAll(':function', `'${name}'`)
        .replaceAll(':quantile', quantile.toFixed(6))
        .replaceAll(':from', "'0000'")
        .replaceAll(':to', "'9999'"),
  },
  { skip: {} },
)
