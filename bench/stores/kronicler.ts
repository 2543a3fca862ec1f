/**
 * @module bench/stores/kronicler
 */
import { setImmediate as turn } from 'node:timers/promises'
import { compactDatabase, DatabaseWriter, openDatabase, type Stats } from 'kronicler/database'
import { randomRange } from './random-range.ts'
import { QUANTILES, type Range, type Store, type StoreReader, type Summary } from './store.ts'

/** Of 32,768 rows each: four logs. */
const MOST_BATCHES_BEHIND = 32

export const kroniclerStore: Store = {
  who: 'kronicler',

  async create(folder, set) {
    const writer = DatabaseWriter.open(folder)
    set.functionNames.forEach((name, id) => {
      if (writer.functionId(name) !== id) throw new Error(`${name} did not get id ${id}`)
    })
    set.errorNames.forEach((name) => writer.errorTypeId(name))
    let batches = 0
    return {
      async append(rows) {
        writer.append(rows)
        // one thread: finished logs are sealed in between, and the disk syncs them meanwhile
        if (++batches % MOST_BATCHES_BEHIND === 0) await writer.sealed()
        else await turn()
      },
      async insertEach({ count, functionIds, startsUs, durationsNs, errorTypes }) {
        for (let i = 0; i < count; i++) {
          const type = errorTypes[i]!
          writer.insert({
            function: set.functionNames[functionIds[i]!]!,
            startMs: startsUs[i]! / 1000,
            durationNs: durationsNs[i]!,
            error: type === 0 ? undefined : set.errorNames[type - 1],
          })
        }
        await writer.sealed()
      },
      commit: () => {
        writer.flush()
      },
      finish: () => writer.close(),
    }
  },

  async prepare(folder) {
    await compactDatabase(folder)
  },

  async open(folder, set): Promise<StoreReader> {
    const database = await openDatabase(folder)
    const ids = new Map(set.functionNames.map((name, id) => [name, id]))
    return {
      async oneFunction(functionId, range) {
        const name = set.functionNames[functionId]!
        return summary(
          await database.stats({ function: name, quantiles: QUANTILES, ...inMs(range) }),
        )
      },
      async allFunctions(range) {
        const functions = await database.functions({ quantiles: QUANTILES, ...inMs(range) })
        return functions.map((stats) => ({
          functionId: ids.get(stats.function)!,
          ...summary(stats),
        }))
      },
      top: async (limit) => (await database.slowest({ limit })).map((row) => row.durationNs),
      tail: async (limit) =>
        (await database.tail(limit)).map((row) => Math.round(row.startMs * 1000)),
      count: (range) => database.count(inMs(range)),
      async series(functionId, range, buckets) {
        const { points } = await database.series({
          function: set.functionNames[functionId]!,
          step: Math.ceil((range.toUs - range.fromUs) / buckets) / 1000,
          aligned: false,
          quantiles: [0.5, 0.99],
          ...inMs(range),
        })
        return points.map(({ calls }) => calls)
      },
      async heatmap(functionId, range, buckets) {
        const query = { function: set.functionNames[functionId]!, columns: buckets }
        return (await database.heatmap({ ...query, ...inMs(range) })).calls
      },
      mean: (functionId) => database.average(set.functionNames[functionId]!),
      exactQuantile: async (quantile) =>
        (await database.quantile({ quantile, exact: true })).durationNs,
      async rowKeys(count, random) {
        const keys: string[] = []
        while (keys.length < count) {
          const from = randomRange(random).fromUs / 1000
          for await (const { id } of database.calls({ from, limit: 1 })) keys.push(id!)
        }
        return keys
      },
      row: async (key) => (await database.fetch(key as string))!.durationNs,
      longerThan: (durationNs) => database.count({ where: { duration: { min: durationNs + 1 } } }),
      close: () => database.close(),
    }
  },
}

function summary({ calls, errors, sumNs, minNs, maxNs }: Stats): Summary {
  return { calls, errors, sumNs, minNs, maxNs }
}

function inMs(range: Range | undefined): { from?: number; to?: number } {
  return range === undefined ? {} : { from: range.fromUs / 1000, to: range.toUs / 1000 }
}
