/**
 * @module bench/stores/sqlite
 * One table, one prepared statement in transactions of a second, write-ahead log. `synchronous = normal` syncs at
 * checkpoints only, so SQLite promises less here than the others.
 *
 * It has no quantiles: its answers go without, which is in its favour.
 */
import Database from 'libsql'
import { join } from 'node:path'
import type { RowColumns } from '../datasets.ts'
import type { Range, Store, StoreReader, Summary } from './store.ts'

const SCHEMA = `create table calls (
  function_id integer not null,
  start_us integer not null,
  duration_ns integer not null,
  error_type integer not null
)`
const INDEXES = [
  'create index by_function on calls (function_id, start_us)',
  'create index by_duration on calls (duration_ns)',
  'create index by_start on calls (start_us)',
  'analyze',
]

export const sqliteStore: Store = {
  who: 'sqlite',

  async create(folder) {
    const database = connect(folder)
    database.exec(SCHEMA)
    const insert = database.prepare<[number, number, number, number]>(
      'insert into calls values (?, ?, ?, ?)',
    )
    const insertEach = (rows: RowColumns): void => {
      const { count, functionIds, startsUs, durationsNs, errorTypes } = rows
      for (let i = 0; i < count; i++) {
        insert.run(functionIds[i]!, startsUs[i]!, durationsNs[i]!, errorTypes[i]!)
      }
    }
    database.exec('begin')
    return {
      append: insertEach,
      insertEach,
      commit: () => {
        database.exec('commit; begin')
      },
      async finish() {
        database.exec('commit')
        database.pragma('wal_checkpoint(truncate)')
        database.close()
      },
    }
  },

  async prepare(folder) {
    const database = connect(folder)
    for (const statement of INDEXES) database.exec(statement)
    database.close()
  },

  async open(folder): Promise<StoreReader> {
    const database = connect(folder)
    return {
      ...questions(database),
      async close() {
        database.close()
      },
    }
  },
}

function connect(folder: string): Database.Database {
  const database = new Database(join(folder, 'calls.sqlite'))
  database.pragma('journal_mode = wal')
  database.pragma('synchronous = normal')
  database.pragma('cache_size = -65536') // 64 MiB
  database.pragma('mmap_size = 4294967296')
  return database
}

const NUMBERS = `count(*), count(case when error_type <> 0 then 1 end), total(duration_ns),
  min(duration_ns), max(duration_ns), avg(duration_ns)`
const IN_RANGE = 'start_us >= ? and start_us < ?'

function questions(database: Database.Database): Omit<StoreReader, 'close'> {
  const prepare = (sql: string) => database.prepare<number[]>(sql).raw()
  const oneFunction = prepare(`select ${NUMBERS} from calls where function_id = ? and ${IN_RANGE}`)
  const oneFunctionAllTime = prepare(`select ${NUMBERS} from calls where function_id = ?`)
  const allFunctions = prepare(
    `select function_id, ${NUMBERS} from calls where ${IN_RANGE} group by function_id`,
  )
  const allFunctionsAllTime = prepare(
    `select function_id, ${NUMBERS} from calls group by function_id`,
  )
  const top = prepare('select * from calls order by duration_ns desc limit ?')
  const tail = prepare('select * from calls order by start_us desc limit ?')
  const count = prepare(`select count(*) from calls where ${IN_RANGE}`)
  const mean = prepare('select avg(duration_ns) from calls where function_id = ?')
  const longerThan = prepare('select count(*) from calls where duration_ns > ?')
  const rowAt = prepare('select * from calls where rowid = ?')
  const last = (prepare('select max(rowid) from calls').get() as number[])[0]!
  return {
    async oneFunction(functionId, range) {
      const row =
        range === undefined
          ? oneFunctionAllTime.get(functionId)
          : oneFunction.get(functionId, ...bounds(range))
      return summary(row as number[])
    },
    async allFunctions(range) {
      const rows =
        range === undefined ? allFunctionsAllTime.all() : allFunctions.all(...bounds(range))
      return (rows as number[][]).map(([id, ...numbers]) => ({
        functionId: id!,
        ...summary(numbers),
      }))
    },
    top: async (limit) => (top.all(limit) as number[][]).map((row) => row[2]!),
    tail: async (limit) => (tail.all(limit) as number[][]).map((row) => row[1]!).reverse(),
    count: async (range) => (count.get(...bounds(range)) as number[])[0]!,
    mean: async (functionId) => (mean.get(functionId) as number[])[0]!,
    longerThan: async (durationNs) => (longerThan.get(durationNs) as number[])[0]!,
    rowKeys: async (count, random) => Array.from({ length: count }, () => 1 + random.below(last)),
    row: async (key) => (rowAt.get(key as number) as number[])[2]!,
  }
}

function bounds({ fromUs, toUs }: Range): [number, number] {
  return [fromUs, toUs]
}

function summary([calls, errors, sumNs, minNs, maxNs]: number[]): Summary {
  return { calls: calls!, errors: errors!, sumNs: sumNs!, minNs: minNs!, maxNs: maxNs! }
}
