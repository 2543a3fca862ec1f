import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgresOutput } from '../../src/internal/output-options.ts'
import { connectPostgres } from '../../src/outputs/postgres/connection.ts'
import { openStore } from '../../src/outputs/open-store.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { outputContract } from './output.ts'

/** The driver has 64-bit integers and sums of them as texts. */
function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value,
  ])
  return Object.fromEntries(entries) as Record<string, unknown>
}

let server: PostgresServer
let made = 0

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.remove()
})

describe.each(['pg', 'postgres'] as const)('by the package %s', (driver) => {
  outputContract(
    'postgres',
    {
      async create() {
        const url = await server.createDatabase(`contract_${++made}`)
        return {
          open: () => openStore(postgresOutput(url, { driver })),
          async read(sql) {
            const client = new pg.Client({ connectionString: url })
            await client.connect()
            const { rows } = await client.query<Record<string, unknown>>(sql)
            await client.end()
            return rows.map(withNumbers)
          },
        }
      },
      quantileSql: (name, quantile) => `SELECT metrics_quantile('${name}', ${quantile}) AS value`,
    },
    { skip: {} },
  )
})

describe.each(['pg', 'postgres'] as const)('the package %s', (driver) => {
  test('tells that a connection has ended, and does not go on with another', async () => {
    const url = await server.createDatabase(`broken_${driver}`)
    const connection = await connectPostgres(postgresOutput(url, { driver }))
    await connection.query('BEGIN')
    await connection.query('CREATE TABLE half (id INTEGER)')
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kronicler' AND datname = current_database()",
    )
    await expect(connection.query('SELECT 1')).rejects.toThrow()
    await expect(connection.query('INSERT INTO half VALUES (1)')).rejects.toThrow()
    await expect(connection.query('COMMIT')).rejects.toThrow()
    const { rows } = await client.query<{ half: string | null }>(
      "SELECT to_regclass('half') AS half",
    )
    expect(rows).toEqual([{ half: null }])
    await client.end()
    await connection.end().catch(() => undefined)
  })

  test('tells that a statement takes too long', async () => {
    const url = await server.createDatabase(`late_${driver}`)
    const connection = await connectPostgres(postgresOutput(url, { driver, timeoutMs: 300 }))
    await expect(connection.query('SELECT pg_sleep(5)')).rejects.toThrow()
    await connection.end().catch(() => undefined)
  })
})

describe('TLS', () => {
  let ca: string | undefined

  beforeAll(async () => {
    ca = await turnOnTls(server.url)
  })

  test.each(['pg', 'postgres'] as const)(
    'by the package %s goes as it is asked for',
    async (driver) => {
      if (ca === undefined) return // no openssl to make a certificate with
      const connection = await connectPostgres(postgresOutput(server.url, { driver, ssl: { ca } }))
      const { rows } = await connection.query(
        'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      )
      expect(rows).toEqual([{ ssl: true }])
      await connection.end()
    },
  )

  test.each(['pg', 'postgres'] as const)(
    'by the package %s refuses whom nobody vouches for',
    async (driver) => {
      if (ca === undefined) return
      const output = postgresOutput(server.url, { driver, ssl: true })
      const reason = await connectPostgres(output).catch((error: unknown) => error)
      expect(reason).toBeInstanceOf(Error)
      expect((reason as Error).message).toMatch(/self-signed certificate/)
      expect((reason as Error).message).not.toContain('s3cret-word')
    },
  )
})

/** @returns the certificate, which is its own authority; undefined if there is nothing to make one with */
async function turnOnTls(url: string): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'kronicler-tls-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
  ])
  if (made.status !== 0) return undefined
  const isRoot = process.getuid?.() === 0
  for (const path of [folder, key, certificate]) if (isRoot) chownSync(path, 65_534, 65_534)
  chmodSync(key, 0o600)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`ALTER SYSTEM SET ssl_cert_file = '${certificate}'`)
  await client.query(`ALTER SYSTEM SET ssl_key_file = '${key}'`)
  await client.query('ALTER SYSTEM SET ssl = on')
  await client.query('SELECT pg_reload_conf()')
  await client.end()
  while (!(await hasTls(url))) await sleep(20)
  const text = readFileSync(certificate, 'utf8')
  rmSync(folder, { recursive: true })
  return text
}

async function hasTls(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ ssl: string }>('SHOW ssl')
  await client.end()
  return rows[0]!.ssl === 'on'
}
