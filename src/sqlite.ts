/**
 * @module kronicler/sqlite
 * Saves every function's metrics to tables of an SQLite database, in the background.
 */
import { sqliteOutput } from './internal/output-options.ts'
import type { SqliteOptions, SqliteOutput } from './types.ts'

export type { SqliteDriverName, SqliteOptions, SqliteOutput } from './types.ts'

/**
 * Names an SQLite database as an output: `configure({ outputs: [sqlite('metrics.db')] })`. Nothing is opened before the first
 * batch is saved, by a thread of its own, with `node:sqlite` where Node.js has it, otherwise with `better-sqlite3` or `libsql`.
 *
 * @param path of the file, made if it is missing
 * @throws {TypeError | RangeError} the path or an option is not what it must be
 */
export const sqlite: (path: string, options?: SqliteOptions) => SqliteOutput = sqliteOutput
