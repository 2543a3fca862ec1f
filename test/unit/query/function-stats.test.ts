/** What `functions` gives: objects that are like any others, whenever their nested ones are made. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { DatabaseWriter, openDatabase, type FunctionStats } from '../../../src/database.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

async function withFunctions(
  use: (
    ask: () => Promise<FunctionStats[]>,
    stats: (name: string) => Promise<object>,
  ) => Promise<void>,
): Promise<void> {
  const root = temporaryDirectory()
  const writer = DatabaseWriter.open(root)
  for (let i = 0; i < 300; i++) {
    writer.insert({ function: `f${i % 3}`, startMs: 1e12 + i, durationNs: 1000 * (i % 7) ** 3 })
  }
  await writer.close()
  const database = await openDatabase(root)
  const quantiles = [0.25, 0.9]
  await use(
    () => database.functions({ quantiles }),
    (name) => database.stats({ function: name, quantiles }),
  )
  await database.close()
}

test('every function has what stats tells of it alone', async () => {
  await withFunctions(async (ask, stats) => {
    const all = await ask()
    expect(all.map((one) => one.function)).toEqual(['f0', 'f2', 'f1'].sort(byTime(all)))
    for (const one of all) {
      const { function: name, definedAt, ...rest } = one
      expect(definedAt).toBeUndefined()
      expect(rest).toEqual(await stats(name))
      expect(rest.quantiles).toHaveLength(2)
    }
  })
})

test('copies of all kinds have the nested numbers, too', async () => {
  await withFunctions(async (ask) => {
    for (const copy of [
      (one: FunctionStats) => ({ ...one }),
      (one: FunctionStats) => Object.assign({}, one),
      (one: FunctionStats) => structuredClone(one),
    ]) {
      const [one] = await ask()
      const copied = copy(one!)
      expect(Object.keys(copied)).toEqual(Object.keys(one!))
      for (const key of Object.keys(one!) as (keyof FunctionStats)[]) {
        expect(copied[key]).toEqual(one![key])
      }
      expect(copied.quantiles[1]!.quantile).toBe(0.9)
      expect(copied.slow.thresholdNs).toBeGreaterThan(0)
      expect(copied.meanInterval.upperNs).toBeGreaterThan(copied.meanInterval.lowerNs)
    }
  })
})

test('JSON has the nested numbers, too', async () => {
  await withFunctions(async (ask) => {
    const [one] = await ask()
    const parsed = JSON.parse(JSON.stringify(one)) as FunctionStats
    expect(parsed.quantiles.map((quantile) => quantile.durationNs)).toEqual(
      one!.quantiles.map((quantile) => quantile.durationNs),
    )
    expect(parsed.slow.thresholdNs).toBe(one!.slow.thresholdNs)
    expect(parsed.slow.calls).toBe(one!.slow.calls)
    expect(parsed.meanInterval).toEqual(one!.meanInterval)
  })
})

test('the nested objects stay the same, and may be replaced', async () => {
  await withFunctions(async (ask) => {
    const [one] = await ask()
    expect(one!.quantiles).toBe(one!.quantiles)
    expect(one!.slow).toBe(one!.slow)
    expect(one!.meanInterval).toBe(one!.meanInterval)
    one!.quantiles = []
    expect({ ...one }.quantiles).toEqual([])
  })
})

test('what is printed are numbers', async () => {
  await withFunctions(async (ask) => {
    const text = inspect((await ask())[0], { depth: 5 })
    expect(text).not.toContain('Getter')
    expect(text).toContain('thresholdNs')
    expect(text).toContain('lowerNs')
  })
})

/** Most time first, then by name. */
function byTime(all: readonly FunctionStats[]): (a: string, b: string) => number {
  const sumOf = (name: string) => all.find((one) => one.function === name)!.sumNs
  return (a, b) => sumOf(b) - sumOf(a) || (a < b ? -1 : 1)
}
