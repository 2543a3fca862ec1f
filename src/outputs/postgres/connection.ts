/**
 * @module outputs/postgres/connection
 * A connection to a PostgreSQL server, by the package `pg` or `postgres`. What of them is used is declared here, so that their
 * types need not be installed.
 */
import { KroniclerError } from '../../errors.ts'
import { requirePackage } from '../require-package.ts'
import type { PostgresDriverName, PostgresOutput } from '../../types.ts'

/** As the server takes it: arrays as text. */
export type PostgresValue = string | number | Buffer

export interface PostgresConnection {
  /** 64-bit integers come as the driver has them: ask for float8. */
  query(
    sql: string,
    values?: readonly PostgresValue[],
  ): Promise<{ rows: unknown[]; rowCount: number | null }>
  end(): Promise<void>
}

const APPLICATION = 'kronicler'

/** @throws {KroniclerError} KRONICLER_DRIVER: there is no driver; otherwise the driver's error */
export async function connectPostgres(output: PostgresOutput): Promise<PostgresConnection> {
  return loadDriver(output.driver)(output)
}

type Connect = (output: PostgresOutput) => Promise<PostgresConnection>

/** In the order in which they are tried. */
const DRIVERS: Record<PostgresDriverName, (loaded: unknown) => Connect> = {
  pg: (loaded) => (output) => connectByPg(loaded as Pg, output),
  postgres: (loaded) => (output) => connectByPostgres(loaded as Postgres, output),
}

function loadDriver(name: PostgresDriverName | undefined): Connect {
  for (const driver of name === undefined ? (['pg', 'postgres'] as const) : [name]) {
    try {
      return DRIVERS[driver](requirePackage(driver)(driver))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  const wanted = name === undefined ? 'the package pg or postgres' : `the package ${name}`
  const message = `saving to PostgreSQL needs ${wanted}: npm install pg (or postgres)`
  throw new KroniclerError('KRONICLER_DRIVER', message)
}

interface PgClient extends PostgresConnection {
  connect(): Promise<void>
  on(event: 'error', listener: () => void): void
}

interface Pg {
  Client: new (options: Record<string, unknown>) => PgClient
}

async function connectByPg(pg: Pg, { url, ssl, timeoutMs }: PostgresOutput): Promise<PgClient> {
  const client = new pg.Client({
    connectionString: url,
    ...(ssl === undefined ? {} : { ssl }),
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    statement_timeout: timeoutMs,
    keepAlive: true,
    application_name: APPLICATION,
  })
  client.on('error', () => undefined) // the next query tells
  await client.connect()
  return client
}

const CLOSED = 'the connection is closed'

interface Sql {
  unsafe(sql: string, values?: PostgresValue[]): Promise<unknown[] & { count: number | null }>
  end(options: { timeout: number }): Promise<void>
}

type Postgres = (url: string, options: Record<string, unknown>) => Sql

/** The package keeps a pool: here it is one connection, which is given up when it breaks, as what was begun on it is gone. */
async function connectByPostgres(
  postgres: Postgres,
  { url, ssl, timeoutMs }: PostgresOutput,
): Promise<PostgresConnection> {
  let isBroken = false
  let refuse: (error: Error) => void = () => undefined // the query that is under way
  const sql = postgres(url, {
    ...(ssl === undefined ? {} : { ssl: withHost(ssl, url) }),
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false,
    connect_timeout: timeoutMs / 1000,
    connection: { application_name: APPLICATION, statement_timeout: timeoutMs },
    onnotice: () => undefined,
    onclose: () => {
      isBroken = true
      refuse(new Error(CLOSED)) // the package leaves some queries without an answer
    },
  })
  const end = async (): Promise<void> => {
    isBroken = true
    await sql.end({ timeout: 1 })
  }
  const connection: PostgresConnection = {
    async query(text, values) {
      if (isBroken) throw new Error(CLOSED)
      const broken = new Promise<never>((_resolve, reject) => (refuse = reject))
      const answer = Promise.race([sql.unsafe(text, values && [...values]), broken])
      const result = await within(timeoutMs, answer, end)
      return { rows: [...result], rowCount: result.count }
    },
    end,
  }
  try {
    await connection.query('SELECT 1')
    return connection
  } catch (error) {
    await end()
    throw error
  }
}

/** Whose certificate it must be: where the server is named by its address the package would have it be localhost's. */
function withHost(ssl: NonNullable<PostgresOutput['ssl']>, url: string): unknown {
  if (ssl === false) return ssl
  const options = ssl === true ? {} : ssl
  return URL.canParse(url) ? { host: new URL(url).hostname, ...options } : options
}

/** @throws what the promise rejects with, or that the time is up: then `onLate` is called */
async function within<T>(
  timeoutMs: number,
  promise: Promise<T>,
  onLate: () => Promise<void>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${timeoutMs} ms`))
      void onLate().catch(() => undefined)
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
