/**
 * @module bench/storage
 * How much disk does a row take? All files of the database, closed, by the number of rows.
 *
 * Kronicler is measured as it is when the program has ended, and after its segments were merged, which programs that go
 * on running do in the background. DuckDB and Parquet are given the rows twice: as they arrive, and sorted by function and start, which they
 * compress better and which somebody would have to do after the fact.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { compactDatabase } from 'kronicler/database'
import { attributeRows } from './attribute-storage.ts'
import { dataSet, type DataSet } from './datasets.ts'
import { entropyBytesPerRow } from './entropy.ts'
import { progress, shortCount } from './harness/report.ts'
import { withRatios, type BenchRow } from './harness/result.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'
import { duckdbFile, duckdbStore, runInDuckdb } from './stores/duckdb.ts'
import { kroniclerStore } from './stores/kronicler.ts'
import { sqliteStore } from './stores/sqlite.ts'
import { regionSizes } from './storage/regions.ts'
import { sizeOnDisk, type Store } from './stores/store.ts'

const DEFAULT_ROWS = [10e6]

export const storageSuite: Suite = {
  peers: ['@duckdb/node-api', 'libsql'],
  async run(options) {
    const rows: BenchRow[] = []
    for (const name of options.sets ?? ['A', 'B', 'C']) {
      for (const count of options.rows ?? DEFAULT_ROWS) {
        rows.push(...(await measureSet(dataSet(name), count, options)))
      }
    }
    if (options.sets === undefined) rows.push(...(await attributeRows(options)))
    return { rows: withRatios(rows, 'kronicler') }
  },
}

async function measureSet(
  set: DataSet,
  count: number,
  { skip, folder }: SuiteOptions,
): Promise<BenchRow[]> {
  const what = `${set.name}-${shortCount(count)}`
  const rows: BenchRow[] = []
  const add = (who: string, sizeBytes: number): void => {
    rows.push({ name: `${who}/${what}`, value: sizeBytes / count, unit: 'B/row', n: count })
    progress(`${what}: ${who} ${(sizeBytes / count).toFixed(2)} B/row`)
  }
  const entropy = entropyBytesPerRow(set, count)
  if (entropy !== undefined) add('limit', entropy * count)
  for (const store of [kroniclerStore, duckdbStore, sqliteStore]) {
    if (skip.includes(store.who)) continue
    await inFolder(folder, async (path) => {
      await fill(store, path, set, count)
      add(store.who, sizeOnDisk(path))
      if (store === duckdbStore) await addRewritten(path, add)
      if (store !== kroniclerStore) return
      tellRegions(path, count)
      await compactDatabase(path)
      add('kronicler-merged', sizeOnDisk(path))
      tellRegions(path, count)
    })
  }
  if (skip.includes(kroniclerStore.who)) return rows
  await inFolder(folder, async (path) => {
    await fill(kroniclerStore, path, set, count)
    await compactDatabase(path, { dense: true })
    add('kronicler-dense', sizeOnDisk(path))
  })
  return rows
}

function tellRegions(folder: string, count: number): void {
  const parts = Object.entries(regionSizes(folder)).filter(([, sizeBytes]) => sizeBytes > 0)
  const texts = parts.map(([region, sizeBytes]) => `${region} ${(sizeBytes / count).toFixed(3)}`)
  progress(`  of which ${texts.join(', ')}`)
}

async function fill(store: Store, folder: string, set: DataSet, count: number): Promise<void> {
  const writer = await store.create(folder, set)
  for (const batch of set.batches(count)) await writer.append(batch)
  await writer.finish()
}

/** What DuckDB makes of its table: sorted, and as Parquet files. */
async function addRewritten(
  folder: string,
  add: (who: string, sizeBytes: number) => void,
): Promise<void> {
  const sorted = join(folder, 'sorted')
  mkdirSync(sorted)
  const parquet = (name: string): string => join(folder, name)
  const sortedRows = '(select * from calls order by function_id, start_us)'
  const copy = (source: string, file: string): string =>
    `copy ${source} to '${file}' (format parquet, compression zstd)`
  await runInDuckdb(
    folder,
    copy('calls', parquet('calls.parquet')),
    copy(sortedRows, parquet('sorted.parquet')),
    `attach '${duckdbFile(sorted)}' as sorted`,
    `create table sorted.calls as ${sortedRows.slice(1, -1)}`,
    'checkpoint sorted',
    'detach sorted',
  )
  add('duckdb-sorted', sizeOnDisk(sorted))
  add('parquet', statSync(parquet('calls.parquet')).size)
  add('parquet-sorted', statSync(parquet('sorted.parquet')).size)
}
