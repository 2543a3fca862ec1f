/**
 * @module query/embedded-database
 * The database over the files of a directory. Every question checks its options, takes in what was written before it, and
 * answers from that; short ones at once, those that may take long while the event loop goes on.
 */
import type { PoolStats } from '../database/read/buffer-pool.ts'
import { StaleFileError } from '../database/read/open-files.ts'
import type { Snapshot, SnapshotView } from '../database/read/snapshot.ts'
import { KroniclerError } from '../errors.ts'
import { checkOptionNames } from '../internal/check-options.ts'
import { HEALTH_FUNCTION } from '../internal/health-function.ts'
import type {
  CallRow,
  CallsQuery,
  CountQuery,
  FunctionChoice,
  FunctionsQuery,
  FunctionStats,
  Heatmap,
  HeatmapQuery,
  Histogram,
  HistogramQuery,
  Quantile,
  QuantileQuery,
  ScanOptions,
  Series,
  SeriesQuery,
  SlowestQuery,
  Stats,
  StatsQuery,
  TimeRange,
} from '../types.ts'
import { CallAccumulator } from './accumulator.ts'
import { AccumulatorPool } from './bucket-scan.ts'
import { checkFilter, passesAll } from './call-filter.ts'
import { iterateCalls, type CallsQuestion } from './calls.ts'
import { countCalls } from './count-calls.ts'
import type { Database, FollowOptions } from './database.ts'
import { boundsOf, coarsen, durationBuckets } from './duration-buckets.ts'
import type { RowScan } from './exact-durations.ts'
import { exactQuantiles, exactShape } from './exact-stats.ts'
import { followCalls } from './follow.ts'
import { StatsParts } from './function-stats.ts'
import {
  checkConfidence,
  checkFlag,
  checkFunctions,
  checkLimit,
  checkName,
  checkOrder,
  checkPollMs,
  checkQuantiles,
  checkScan,
  checkWhole,
} from './options.ts'
import { QuantilePlan } from './quantile-plan.ts'
import type { SampledDistribution } from './sorted-calls.ts'
import { addFunction, countFunction, forEachRollUp } from './range-scan.ts'
import { ScanChunks } from './scan-chunks.ts'
import { ScanPace } from './scan-pace.ts'
import { locateRow, parseRowId, type RowId } from './row-ids.ts'
import { toCallRows, withDurations, type RowReference } from './rows.ts'
import { heatmapOf, seriesOf, type OverTime } from './series.ts'
import { slowestCalls } from './slowest.ts'
import { parseStepUs } from './step.ts'
import { latestCalls } from './tail.ts'
import { resolveRange, type RangeUs } from './time.ts'

/** Files would have to come and go all the time for a question to be asked so often. */
const MAX_ATTEMPTS = 20
const RANGE_OPTIONS = ['from', 'to'] as const
const SCAN_OPTIONS = ['signal', 'onProgress'] as const

export class EmbeddedDatabase implements Database {
  readonly #snapshot: Snapshot
  readonly #accumulator: CallAccumulator
  readonly #accumulators: AccumulatorPool
  readonly #closing = new AbortController()

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
    const { kernels, pool } = snapshot.context
    this.#accumulator = new CallAccumulator(kernels, pool)
    this.#accumulators = new AccumulatorPool(snapshot)
  }

  functions(query: FunctionsQuery = {}): Promise<FunctionStats[]> {
    return this.#hold(async () => {
      checkOptionNames(query, 'query', [...RANGE_OPTIONS, 'quantiles', 'confidence'])
      const range = resolveRange(query)
      const plan = new QuantilePlan(
        checkQuantiles(query.quantiles),
        checkConfidence(query.confidence),
      )
      this.#snapshot.refresh()
      const view = this.#snapshot.view()
      const pace = new ScanPace(this.#snapshot)
      const all: FunctionStats[] = []
      const { names } = view.functions
      const places = this.#snapshot.placesOfDefinition()
      let parts = new StatsParts(plan.asked)
      for (const functionNumber of this.#functionNumbers(undefined)) {
        // others may use the accumulator only between two functions
        this.#accumulator.clear()
        addFunction(view, functionNumber, range, this.#accumulator)
        if (this.#accumulator.calls > 0) {
          const name = names[functionNumber]!
          const place = places.get(name)
          if (parts.isFull) parts = new StatsParts(plan.asked)
          all.push(this.#accumulator.toFunctionStats(name, place, plan, range, parts))
        }
        if (pace.isDue) await pace.pause()
      }
      return byTotalTime(all)
    })
  }

  stats(query: StatsQuery = {}): Promise<Stats> {
    return this.#hold(() => {
      const options = ['function', ...RANGE_OPTIONS, 'quantiles', 'confidence', 'exact']
      checkOptionNames(query, 'query', [...options, ...SCAN_OPTIONS])
      const range = resolveRange(query)
      const plan = new QuantilePlan(
        checkQuantiles(query.quantiles),
        checkConfidence(query.confidence),
      )
      const names = checkFunctions(query.function)
      const exact = checkFlag(query.exact, 'exact', false)
      checkScan(query)
      return this.#total(names, range, query, async (total, { functionNumbers, view }) => {
        const stats = total.toStats(plan, range)
        if (!exact || total.calls === 0 || haveExpired(view, functionNumbers, range)) return stats
        const scan = this.#rowScan(view, functionNumbers, range, query)
        const shape = await exactShape(scan, copyOf(total.distribution()), plan)
        return { ...stats, ...shape, quantileRelativeError: 0 }
      })
    })
  }

  quantile(query: QuantileQuery): Promise<Quantile> {
    return this.#hold(() => {
      const options = ['function', ...RANGE_OPTIONS, 'quantile', 'confidence', 'exact']
      checkOptionNames(query, 'query', [...options, ...SCAN_OPTIONS])
      const range = resolveRange(query)
      const plan = new QuantilePlan(
        checkQuantiles([query.quantile]),
        checkConfidence(query.confidence),
      )
      const names = checkFunctions(query.function)
      const exact = checkFlag(query.exact, 'exact', false)
      checkScan(query)
      return this.#total(names, range, query, async (total, { functionNumbers, view }) => {
        if (total.calls === 0) return plan.ofNothing()[0]!
        if (!exact || haveExpired(view, functionNumbers, range)) {
          return plan.read(total.distribution()).quantiles[0]!
        }
        const scan = this.#rowScan(view, functionNumbers, range, query)
        return (await exactQuantiles(scan, copyOf(total.distribution()), plan))[0]!
      })
    })
  }

  average(name: string, range: TimeRange = {}): Promise<number> {
    return this.#hold(() => {
      checkOptionNames(range, 'range', RANGE_OPTIONS)
      checkName(name)
      return this.#total([name], resolveRange(range), {}, ({ meanNs }) => meanNs)
    })
  }

  contains(name: string): Promise<boolean> {
    return attempt(() => {
      checkName(name)
      this.#snapshot.refresh()
      return this.#snapshot.functionNames().includes(name)
    })
  }

  series(query: SeriesQuery): Promise<Series> {
    return this.#hold(() => {
      const options = ['function', ...RANGE_OPTIONS, 'quantiles', 'confidence', 'step', 'aligned']
      checkOptionNames(query, 'query', [...options, ...SCAN_OPTIONS])
      const stepUs = parseStepUs(query.step)
      const plan = new QuantilePlan(
        checkQuantiles(query.quantiles),
        checkConfidence(query.confidence),
      )
      const aligned = checkFlag(query.aligned, 'aligned', true)
      return this.#overTime(query).then((question) => seriesOf(question, stepUs, aligned, plan))
    })
  }

  heatmap(query: HeatmapQuery = {}): Promise<Heatmap> {
    return this.#hold(() => {
      const options = ['function', ...RANGE_OPTIONS, 'step', 'columns', 'durationBuckets']
      checkOptionNames(query, 'query', [...options, ...SCAN_OPTIONS])
      if (query.step !== undefined && query.columns !== undefined) {
        throw new TypeError('either step or columns, not both')
      }
      const stepUs = query.step === undefined ? undefined : parseStepUs(query.step)
      const columns = checkWhole(query.columns, 'columns', 10_000, 200)
      const durations = checkWhole(query.durationBuckets, 'durationBuckets', 4096, 64)
      return this.#overTime(query).then((question) =>
        heatmapOf(question, stepUs, columns, durations),
      )
    })
  }

  histogram(query: HistogramQuery = {}): Promise<Histogram> {
    return this.#hold(() => {
      const options = ['function', ...RANGE_OPTIONS, 'buckets', ...SCAN_OPTIONS]
      checkOptionNames(query, 'query', options)
      const limit = checkWhole(query.buckets, 'buckets', 4096, 64)
      const range = resolveRange(query)
      const names = checkFunctions(query.function)
      checkScan(query)
      return this.#total(names, range, query, (total) => {
        if (total.calls === 0) {
          return { calls: 0, minNs: NaN, maxNs: NaN, buckets: [], coarseCalls: 0 }
        }
        const { calls, maxNs, minNs } = total
        const buckets = durationBuckets(minNs, maxNs, limit)
        const counts = coarsen(total.counts(), buckets)
        return {
          calls,
          minNs,
          maxNs,
          buckets: boundsOf(buckets).map((bounds, i) => ({ ...bounds, calls: counts[i]! })),
          coarseCalls: total.coarseCalls,
        }
      })
    })
  }

  slowest(query: SlowestQuery = {}): Promise<CallRow[]> {
    return this.#hold(() => {
      checkOptionNames(query, 'query', ['function', ...RANGE_OPTIONS, 'limit'])
      const range = resolveRange(query)
      const limit = checkLimit(query.limit)
      const names = checkFunctions(query.function)
      this.#snapshot.refresh()
      return slowestCalls(this.#snapshot, this.#functionNumbers(names), range, limit)
    })
  }

  calls(query: CallsQuery = {}): AsyncIterable<CallRow> {
    const options = ['function', ...RANGE_OPTIONS, 'where', 'order', 'limit', 'after']
    checkOptionNames(query, 'query', [...options, ...SCAN_OPTIONS])
    const names = checkFunctions(query.function)
    const range = resolveRange(query)
    const filter = checkFilter(query.where)
    const order = checkOrder(query.order)
    const limit = checkWhole(query.limit, 'limit', Number.MAX_SAFE_INTEGER, Infinity)
    const after = query.after === undefined ? undefined : parseRowId(query.after, 'after')
    checkScan(query)
    this.#checkOpen()
    return this.#iterate(names, after, { range, filter, order, limit, options: query })
  }

  fetch(id: string): Promise<CallRow | undefined> {
    return attempt(() => {
      const parsed = parseRowId(id, 'id')
      this.#snapshot.refresh()
      const row = this.#locate(parsed)
      return row === undefined ? undefined : toCallRows(this.#snapshot, [row])[0]
    })
  }

  tail(count?: number): Promise<CallRow[]> {
    return this.#hold(() => {
      const limit = checkLimit(count, 'count')
      this.#snapshot.refresh()
      return latestCalls(this.#snapshot, limit)
    })
  }

  follow(options: FollowOptions = {}): AsyncIterable<CallRow> {
    checkOptionNames(options, 'options', ['signal', 'pollMs'])
    const pollMs = checkPollMs(options.pollMs)
    checkScan(options)
    this.#checkOpen()
    const signals = [this.#closing.signal]
    if (options.signal !== undefined) signals.push(options.signal)
    return followCalls(this.#snapshot, { pollMs, signals })
  }

  count(query: CountQuery = {}): Promise<number> {
    return this.#hold(() => {
      const options = ['function', ...RANGE_OPTIONS, 'where', ...SCAN_OPTIONS]
      checkOptionNames(query, 'query', options)
      const range = resolveRange(query)
      const names = checkFunctions(query.function)
      const filter = checkFilter(query.where)
      checkScan(query)
      this.#snapshot.refresh()
      const functionNumbers = this.#functionNumbers(names)
      if (!passesAll(filter)) {
        return countCalls(this.#snapshot, functionNumbers, range, filter, query)
      }
      return this.#countAll(functionNumbers, range, query)
    })
  }

  dropped(): Promise<number> {
    return attempt(() => {
      this.#snapshot.refresh()
      return this.#snapshot.dropped()
    })
  }

  filtered(): Promise<number> {
    return attempt(() => {
      this.#snapshot.refresh()
      return this.#snapshot.counters().filtered
    })
  }

  functionNames(): Promise<string[]> {
    return attempt(() => {
      this.#snapshot.refresh()
      return this.#snapshot.functionNames().filter((name) => name !== HEALTH_FUNCTION)
    })
  }

  poolStats(): PoolStats {
    return this.#snapshot.context.pool.stats
  }

  close(): Promise<void> {
    this.#closing.abort()
    this.#snapshot.close()
    return Promise.resolve()
  }

  #checkOpen(): void {
    if (!this.#snapshot.isClosed) return
    throw new KroniclerError('KRONICLER_CLOSED', 'the database is closed')
  }

  /** Of the functions with the names that are there; without names all functions of the program. */
  #functionNumbers(names: readonly string[] | undefined): number[] {
    const { functions } = this.#snapshot
    if (names !== undefined) {
      const numbers = names.map((name) => functions.find(name))
      return [...new Set(numbers.filter((number) => number !== undefined))]
    }
    const health = functions.find(HEALTH_FUNCTION)
    const numbers: number[] = []
    for (let number = 0; number < functions.names.length; number++) {
      if (number !== health) numbers.push(number)
    }
    return numbers
  }

  async #countAll(
    functionNumbers: readonly number[],
    range: RangeUs,
    { signal }: ScanOptions,
  ): Promise<number> {
    const view = this.#snapshot.view()
    const pace = new ScanPace(this.#snapshot, { signal })
    let calls = 0
    for (const functionNumber of functionNumbers) {
      calls += countFunction(view, functionNumber, range)
      if (pace.isDue) await pace.pause()
    }
    return calls
  }

  /** What `use` makes of all calls in the range of the functions with the names, or of all functions. */
  async #total<T>(
    names: readonly string[] | undefined,
    range: RangeUs,
    { signal }: ScanOptions,
    use: (total: CallAccumulator, rows: RowsInView) => T | Promise<T>,
  ): Promise<T> {
    this.#snapshot.refresh()
    const view = this.#snapshot.view()
    const functionNumbers = this.#functionNumbers(names)
    const pace = new ScanPace(this.#snapshot, { signal })
    const accumulators = this.#accumulators.take(1)
    const total = accumulators[0]!
    try {
      for (const functionNumber of functionNumbers) {
        addFunction(view, functionNumber, range, total)
        if (pace.isDue) await pace.pause()
      }
      return await use(total, { view, functionNumbers })
    } finally {
      this.#accumulators.give(accumulators)
    }
  }

  #rowScan(
    view: SnapshotView,
    functionNumbers: readonly number[],
    range: RangeUs,
    options: ScanOptions,
  ): RowScan {
    const mayPass = () => true
    const chunks = new ScanChunks(view, { functionNumbers, range, mayPass, joinsShared: true })
    return { chunks, pace: new ScanPace(this.#snapshot, options, chunks.totalRows) }
  }

  /** What series and heatmap have in common. */
  async #overTime(
    query: { function?: FunctionChoice | undefined } & HeatmapQuery,
  ): Promise<OverTime> {
    const range = resolveRange(query)
    const names = checkFunctions(query.function)
    checkScan(query)
    return this.#total(names, range, query, (total, { functionNumbers, view }) => {
      const { calls, firstUs, lastUs, maxNs, minNs } = total
      return {
        snapshot: this.#snapshot,
        view,
        pool: this.#accumulators,
        functionNumbers,
        range,
        totals: { calls, firstUs, lastUs, maxNs, minNs },
        options: query,
      }
    })
  }

  #locate(id: RowId): RowReference | undefined {
    const row = locateRow(this.#snapshot, id)
    return row && withDurations(this.#snapshot, [row])[0]
  }

  async *#iterate(
    names: readonly string[] | undefined,
    afterId: RowId | undefined,
    question: Omit<CallsQuestion, 'functionNumbers' | 'after'>,
  ): AsyncGenerator<CallRow, void, undefined> {
    let begin = afterId
    let { limit } = question
    for (let attempts = 1; ; attempts++) {
      const release = this.#snapshot.context.hold()
      try {
        this.#snapshot.refresh()
        const functionNumbers = this.#functionNumbers(names)
        const after = begin && this.#locate(begin)
        if (begin !== undefined && after === undefined) {
          const message = 'the row after which to go on is no longer stored'
          throw new KroniclerError('KRONICLER_NOT_FOUND', message)
        }
        const rest = { ...question, limit, functionNumbers, after }
        for await (const row of iterateCalls(this.#snapshot, rest)) {
          yield row
          limit--
          if (row.id !== undefined) begin = parseRowId(row.id, 'after')
        }
        return
      } catch (error) {
        if (!mayAskAgain(error, attempts)) throw error
      } finally {
        release()
      }
    }
  }

  /** The answer to a question that may give way to others; what it looks at stays readable meanwhile. */
  async #hold<T>(answer: () => T | Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      const release = this.#snapshot.context.hold()
      try {
        return await answer()
      } catch (error) {
        if (!mayAskAgain(error, attempts)) throw error
      } finally {
        release()
      }
    }
  }
}

/** Whether files were merged or have expired under the question: then another look at the directory answers it. */
function mayAskAgain(error: unknown, attempts: number): boolean {
  return error instanceof StaleFileError && attempts < MAX_ATTEMPTS
}

/** What a question is about, as it was when it began. */
interface RowsInView {
  view: SnapshotView
  functionNumbers: readonly number[]
}

/** Most time first, then by name. By numbers apart: looking into thousands of objects again and again takes longer. */
function byTotalTime(all: readonly FunctionStats[]): FunctionStats[] {
  const sumsNs = Float64Array.from(all, ({ sumNs }) => sumNs)
  const order = Uint32Array.from(all.keys()).sort(
    (a, b) => sumsNs[b]! - sumsNs[a]! || (all[a]!.function < all[b]!.function ? -1 : 1),
  )
  return Array.from(order, (index) => all[index]!)
}

/** Whether rows of the range are gone, so that only the histograms know of all calls. */
function haveExpired(
  view: SnapshotView,
  functionNumbers: readonly number[],
  range: RangeUs,
): boolean {
  let expired = false
  for (const functionNumber of functionNumbers) {
    forEachRollUp(view, functionNumber, range, () => {
      expired = true
    })
  }
  return expired
}

/** The counts are those of an accumulator that others may use meanwhile. */
function copyOf(distribution: SampledDistribution): SampledDistribution {
  return { ...distribution, counts: distribution.counts.slice() }
}

/** The answer as a promise, rejected with whatever `answer` throws. */
function attempt<T>(answer: () => T): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return Promise.resolve(answer())
    } catch (error) {
      if (mayAskAgain(error, attempts)) continue
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it is
      return Promise.reject(error)
    }
  }
}
