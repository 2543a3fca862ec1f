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

/** Folders of databases that hold `count` rows each, by store, and what it took. */
export async function loadAll(
  parent: string,
  stores: readonly Store[],
  set: DataSet,
  count: number,
  named: (what: string) => string,
): Promise<{ folders: Map<Store, string>; rows: BenchRow[] }> {
  const folders = new Map<Store, string>()
  const rows: BenchRow[] = []
  for (const store of stores) {
    const folder = join(parent, store.who)
    folders.set(store, folder)
    const add = (what: string, value: number, unit: string, n = 1): void => {
      rows.push({ name: `${store.who}/${named(what)}`, value, unit, n })
    }
    progress(`${store.who}: loading ${shortCount(count)} rows of set ${set.name}`)
    const loadMs = await fill(store, folder, set, count)
    add('load', (1000 * count) / loadMs, 'rows/s')
    progress(`${store.who}: loaded, ${((1000 * count) / loadMs / 1e6).toFixed(2)} M rows/s`)
    if (store.prepare !== undefined) {
      const ms = await timed(() => store.prepare!(folder))
      if (store === kroniclerStore) add('merge', (1000 * count) / ms, 'rows/s')
      else add('prepare', ms, 'ms')
      progress(`${store.who}: prepared in ${(ms / 1000).toFixed(1)} s`)
    }
    add('size', sizeOnDisk(folder) / count, 'B/row', count)
  }
  return { folders, rows }
}

/** Made durable once a second. @returns milliseconds that the database took for itself; making the rows is not counted */
async function fill(store: Store, folder: string, set: DataSet, count: number): Promise<number> {
  mkdirSync(folder)
  const writer = await store.create(folder, set)
  let tookMs = 0
  let done = 0
  let committed = performance.now()
  let told = committed
  for (const batch of repeatedBatches(set, count)) {
    tookMs += await timed(async () => {
      await writer.append(batch)
      if (performance.now() - committed < COMMIT_MS) return
      committed = performance.now()
      writer.commit()
    })
    done += batch.count
    if (performance.now() - told < PROGRESS_MS) continue
    told = performance.now()
    progress(`  ${((100 * done) / count).toFixed(0)} %`)
  }
  return tookMs + (await timed(() => writer.finish()))
}

/** @returns milliseconds */
async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
