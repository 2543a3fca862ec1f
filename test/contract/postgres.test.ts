import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { postgresOutput } from '../../src/internal/output-options.ts'
import { openStore } from '../../src/outputs/open-store.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { outputContract } from './output.ts'

const INT8 = 20
const NUMERIC = 1700
const asNumbers = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 || oid === NUMERIC
      ? (text: string) => Number(text)
      : (pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown),
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
          const client = new pg.Client({ connectionString: url, types: asNumbers as never })
          await client.connect()
          const { rows } = await client.query<Record<string, unknown>>(sql)
          await client.end()
          return rows
        },
      }
    },
    quantileSql: (name, quantile) => `SELECT metrics_quantile('${name}', ${quantile}) AS value`,
  },
  { skip: {} },
)
