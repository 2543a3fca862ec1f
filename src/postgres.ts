/**
 * @module kronicler/postgres
 * Saves every function's metrics to tables of a PostgreSQL database, in the background.
 */
import { postgresOutput } from './internal/output-options.ts'
import type { PostgresOptions, PostgresOutput } from './types.ts'

export type { PostgresDriverName, PostgresOptions, PostgresOutput } from './types.ts'

/**
 * Names a PostgreSQL database as an output: `configure({ outputs: [postgres('postgres://…')] })`. Nothing is opened before the
 * first batch is saved, by a thread of its own, with the package `pg` or `postgres`.
 *
 * @param url connection string; it appears in no message
 * @throws {TypeError | RangeError} the connection string or an option is not what it must be
 */
export const postgres: (url: string, options?: PostgresOptions) => PostgresOutput = postgresOutput
