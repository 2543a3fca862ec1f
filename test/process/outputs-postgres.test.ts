/**
 * Real programs that save to a real PostgreSQL server, which is disturbed in every way: afterwards the table equals the truth, and
 * nobody has been told the password.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild, type ChildResult } from './run-child.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.remove()
})

interface Said {
  made: number
  state: string
  waiting: number
  failures: number
  saved: number
  lastError?: string
}

async function run(
  url: string,
  directory: string,
  way: string,
  calls: number,
  options: Partial<Parameters<typeof runChild>[2]> = {},
): Promise<ChildResult & { said: Said[] }> {
  const env = { KRONICLER_DIR: directory, KRONICLER_POSTGRES: url, ...options.env }
  const result = await runChild('outputs.mjs', [way, String(calls)], { ...options, env })
  expect(result.stdout + result.stderr).not.toContain('s3cret-word')
  const said = result.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Said)
  return { ...result, said }
}

async function totals(url: string): Promise<Record<string, number[]>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ name: string; calls: string; errors: string; m: string }>(
    `SELECT function_name AS name, calls, errors,
       (SELECT sum(calls) FROM metrics_by_minute b WHERE b.function_name = metrics.function_name) AS m FROM metrics`,
  )
  await client.end()
  for (const row of rows) expect(row.m).toBe(row.calls) // the minutes have them, too
  return Object.fromEntries(
    rows.map(({ name, calls, errors }) => [name, [Number(calls), Number(errors)]]),
  )
}

/** Of so many rounds of the program. */
function truth(rounds: number): Record<string, number[]> {
  return { often: [8 * rounds, 0], seldom: [rounds, 0], failing: [rounds, rounds] }
}

function spools(directory: string): string[] {
  const folder = join(directory, 'outputs')
  return existsSync(folder) ? readdirSync(folder) : []
}

test('eight processes write the same functions at once', async () => {
  const url = await server.createDatabase('eight')
  const directory = temporaryDirectory()
  const results = await Promise.all(
    // they wait for each other, on a machine that may be busy
    Array.from({ length: 8 }, () =>
      run(url, directory, 'close', 200, { env: { OUTPUT_TIMEOUT: '30000' } }),
    ),
  )
  for (const { code, said } of results) {
    expect(code).toBe(0)
    expect(said.at(-1)).toMatchObject({ state: 'closed', waiting: 0, failures: 0 })
  }
  expect(await totals(url)).toEqual(truth(1600))
  expect(spools(directory)).toEqual([])
})

test('a server that crashes in the middle and comes back has everything', async () => {
  const url = await server.createDatabase('crash')
  const directory = temporaryDirectory()
  const running = run(url, directory, 'for a while', 1400)
  await sleep(1500)
  await server.kill()
  await sleep(1200)
  await server.start()
  const { said, code } = await running
  expect(code).toBe(0)
  expect(said.some(({ state, waiting }) => state === 'failing' && waiting > 1)).toBe(true)
  expect(said.at(-1)).toMatchObject({ state: 'closed', waiting: 0 })
  expect(await totals(url)).toEqual(truth(1400))
})

test.each([
  ['in the middle of a transaction', 'metrics_by_minute', 'before'],
  ['before the commit arrives', 'COMMIT', 'before'],
  ['after the commit, whose answer is lost', 'COMMIT', 'after'],
] as const)('a connection that breaks %s', async (_, text, where) => {
  const name = `cut_${text.toLowerCase()}_${where}`
  const direct = await server.createDatabase(name)
  const directory = temporaryDirectory()
  await run(direct, directory, 'close', 10) // makes the tables
  const proxy = await startCuttingProxy(server.port)
  proxy.cut(text, where, 3)
  const url = direct.replace(`:${server.port}/`, `:${proxy.port}/`)
  const { said } = await run(url, directory, 'for a while', 700)
  await proxy.close()
  expect(proxy.cuts).toBe(3)
  expect(said.at(-1)!.failures).toBeGreaterThanOrEqual(2)
  // a server in another place is another output: what may be left is sent by who knows it by that name
  expect(said.at(-1)).toMatchObject({ waiting: 0 })
  expect(await totals(direct)).toEqual(truth(710))
})

test('a server that is not there: the program ends as usual, and the next one brings the calls', async () => {
  const url = await server.createDatabase('absent')
  const directory = temporaryDirectory()
  await server.kill()
  const startMs = Date.now()
  const first = await run(url, directory, 'natural end', 100)
  const second = await run(url, directory, 'process.exit', 100)
  expect(first).toMatchObject({ code: 0 })
  expect(Date.now() - startMs).toBeLessThan(15_000)
  expect(first.stderr).toMatch(/^kronicler: saving to postgres: .*ECONNREFUSED.*\n$/)
  expect(spools(directory)).toHaveLength(2)
  await server.start()
  await run(url, directory, 'inherit', 0)
  expect(await totals(url)).toEqual(truth(first.said[0]!.made + second.said[0]!.made + 1))
  expect(spools(directory)).toEqual([])
})
