/**
 * @module bench/scale/load
 * Fills all databases with the same rows, and prepares them for questions.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DataSet } from '../datasets.ts'
import { progress, shortCount } from '../harness/report.ts'
import type { BenchRow } from '../harness/result.ts'
import { kroniclerStore } from '../stores/kronicler.ts'
import { sizeOnDisk, type Store } from '../stores/store.ts'
import { repeatedBatches } from './repeated-batches.ts'

const COMMIT_MS = 1000
const PROGRESS_MS = 10_000

interface Filling {
  store: Store
  folder: string
  tookMs: number // of its own: the others and making the rows are not counted
}

/** Folders of databases that hold `count` rows each, by store, and what it took. */
export async function loadAll(
  parent: string,
  stores: readonly Store[],
  set: DataSet,
  count: number,
  named: (what: string) => string,
): Promise<{ folders: Map<Store, string>; rows: BenchRow[] }> {
  progress(`${set.name}: loading ${shortCount(count)} rows`)
  const fillings = stores.map((store) => ({ store, folder: join(parent, store.who), tookMs: 0 }))
  await fill(fillings, set, count)
  const rows: BenchRow[] = []
  for (const filling of fillings) {
    const { folder, store, tookMs } = filling
    const add = (what: string, value: number, unit: string, n = 1): void => {
      rows.push({ name: `${store.who}/${named(what)}`, value, unit, n })
    }
    add('load', (1000 * count) / tookMs, 'rows/s')
    progress(`${store.who}: loaded, ${((1000 * count) / tookMs / 1e6).toFixed(2)} M rows/s`)
    if (store.prepare !== undefined) {
      const ms = await timed(() => store.prepare!(folder))
      if (store === kroniclerStore) add('merge', (1000 * count) / ms, 'rows/s')
      else add('prepare', ms, 'ms')
      progress(`${store.who}: prepared in ${(ms / 1000).toFixed(1)} s`)
    }
    add('size', sizeOnDisk(folder) / count, 'B/row', count)
  }
  return { folders: new Map(fillings.map(({ folder, store }) => [store, folder])), rows }
}

/** Makes the rows once and hands every batch to all databases, each of which makes them durable once a second. */
async function fill(fillings: Filling[], set: DataSet, count: number): Promise<void> {
  const writers = []
  for (const filling of fillings) {
    mkdirSync(filling.folder)
    const writer = await filling.store.create(filling.folder, set)
    writers.push({ filling, writer })
  }
  let done = 0
  let committed = performance.now()
  let told = committed
  for (const batch of repeatedBatches(set, count)) {
    const isDue = performance.now() - committed > COMMIT_MS
    if (isDue) committed = performance.now()
    for (const { filling, writer } of writers) {
      filling.tookMs += await timed(async () => {
        await writer.append(batch)
        if (isDue) writer.commit()
      })
    }
    done += batch.count
    if (performance.now() - told < PROGRESS_MS) continue
    told = performance.now()
    progress(`  ${((100 * done) / count).toFixed(0)} %`)
  }
  for (const { filling, writer } of writers) filling.tookMs += await timed(() => writer.finish())
}

/** @returns milliseconds */
async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
