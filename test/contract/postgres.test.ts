import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { postgresOutput } from '../../src/internal/output-options.ts'
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

outputContract(
  'postgres',
  {
    async create() {
      const url = await server.createDatabase(`contract_${++made}`)
      return {
        open: () => openStore(postgresOutput(url)),
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
