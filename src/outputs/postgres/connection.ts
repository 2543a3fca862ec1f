/**
 * @module outputs/postgres/connection
 * A connection to a PostgreSQL server, by the package `pg`. What of it is used is declared here, so that its types need not be
 * installed.
 */
import { KroniclerError } from '../../errors.ts'
import { requirePackage } from '../require-package.ts'
import type { PostgresOutput } from '../../types.ts'

export interface PostgresConnection {
  query(
    sql: string,
    values?: readonly unknown[],
  ): Promise<{ rows: unknown[]; rowCount: number | null }>
  end(): Promise<void>
}

interface PgClient extends PostgresConnection {
  connect(): Promise<void>
  on(event: 'error', listener: () => void): void
}

interface Pg {
  Client: new (options: Record<string, unknown>) => PgClient
}

/** @throws {KroniclerError} KRONICLER_DRIVER: `pg` is not installed; otherwise the driver's error */
export async function connectPostgres(output: PostgresOutput): Promise<PostgresConnection> {
  const { url, ssl, timeoutMs } = output
  const client = new (loadPg().Client)({
    connectionString: url,
    ...(ssl === undefined ? {} : { ssl }),
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    keepAlive: true,
    application_name: 'kronicler',
  })
  client.on('error', () => undefined) // the next query tells
  await client.connect()
  return client
}

function loadPg(): Pg {
  try {
    return requirePackage('pg')('pg') as Pg
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    const message = 'saving to PostgreSQL needs the package pg: npm install pg'
    throw new KroniclerError('KRONICLER_DRIVER', message, { cause: error })
  }
}
