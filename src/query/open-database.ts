/**
 * @module query/open-database
 * Opens a directory of calls for questions. Reading takes no locks and disturbs no writer.
 */
import type { PoolStats } from '../database/buffer-pool.ts'
import type { FaultListener } from '../database/fault-log.ts'
import type { FileLayer } from '../database/file.ts'
import { Snapshot } from '../database/snapshot.ts'
import { KroniclerError } from '../errors.ts'
import { checkOptionNames } from '../internal/check-options.ts'
import { HEALTH_FUNCTION } from '../internal/health-function.ts'
import type {
  CallRow,
  FunctionsQuery,
  FunctionStats,
  SlowestQuery,
  Stats,
  StatsQuery,
} from '../types.ts'
import { CallAccumulator, QuantilePlan } from './accumulator.ts'
import type { CountQuery, Database, FollowOptions } from './database.ts'
import { followCalls } from './follow.ts'
import { checkFunctionName, checkLimit, checkPollMs, checkQuantiles } from './options.ts'
import { addFunction, countFunction } from './range-scan.ts'
import { slowestCalls } from './slowest.ts'
import { latestCalls } from './tail.ts'
import { resolveRange } from './time.ts'

export interface OpenOptions {
  /**
   * Called once for every damaged part that is met; answers then come from whatever is readable. Without it the first
   * corrupt part is thrown, by this function or by the question that meets it. A torn tail, which a crash leaves
   * behind, has the code KRONICLER_TORN and is never thrown.
   */
  onFault?: FaultListener | undefined
  cacheSizeBytes?: number | undefined // pages kept in memory, encoded (default 64 MiB)
}

/**
 * @param directory as written by captured programs or a DatabaseWriter
 * @throws {KroniclerError} KRONICLER_NOT_FOUND: missing, or not a Kronicler directory; KRONICLER_IO
 * @throws {CorruptionError} something is damaged and there is no `onFault`
 */
export function openDatabase(directory: string, options: OpenOptions = {}): Promise<Database> {
  return attempt(() => {
    checkOpenOptions(directory, options)
    const { cacheSizeBytes, onFault } = options
    return new EmbeddedDatabase(new Snapshot(directory, { cacheSizeBytes, onFault }))
  })
}

/** The same over another file layer, for tests. */
export function openDatabaseOn(
  files: FileLayer,
  directory: string,
  options: OpenOptions = {},
): Database {
  const { cacheSizeBytes, onFault } = options
  return new EmbeddedDatabase(new Snapshot(directory, { cacheSizeBytes, files, onFault }))
}

class EmbeddedDatabase implements Database {
  readonly #snapshot: Snapshot
  readonly #accumulator: CallAccumulator
  readonly #closing = new AbortController()

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
    const { kernels, pool } = snapshot.context
    this.#accumulator = new CallAccumulator(kernels, pool)
  }

  functions(query: FunctionsQuery = {}): Promise<FunctionStats[]> {
    return attempt(() => {
      checkOptionNames(query, 'query', ['from', 'to', 'quantiles'])
      const range = resolveRange(query)
      const plan = new QuantilePlan(checkQuantiles(query.quantiles))
      this.#snapshot.refresh()
      const all: FunctionStats[] = []
      const { names } = this.#snapshot.functions
      const places = this.#snapshot.placesOfDefinition()
      for (const functionNumber of this.#functionNumbers(undefined)) {
        this.#accumulator.clear()
        addFunction(this.#snapshot, functionNumber, range, this.#accumulator)
        if (this.#accumulator.calls === 0) continue
        const name = names[functionNumber]!
        all.push(this.#accumulator.toFunctionStats(name, places.get(name), plan, range))
      }
      return all.sort((a, b) => b.sumNs - a.sumNs || (a.function < b.function ? -1 : 1))
    })
  }

  stats(query: StatsQuery = {}): Promise<Stats> {
    return attempt(() => {
      checkOptionNames(query, 'query', ['function', 'from', 'to', 'quantiles'])
      const range = resolveRange(query)
      const plan = new QuantilePlan(checkQuantiles(query.quantiles))
      const name = checkFunctionName(query.function)
      this.#snapshot.refresh()
      this.#accumulator.clear()
      for (const functionNumber of this.#functionNumbers(name)) {
        addFunction(this.#snapshot, functionNumber, range, this.#accumulator)
      }
      return this.#accumulator.toStats(plan, range)
    })
  }

  slowest(query: SlowestQuery = {}): Promise<CallRow[]> {
    return attempt(() => {
      checkOptionNames(query, 'query', ['function', 'from', 'to', 'limit'])
      const range = resolveRange(query)
      const limit = checkLimit(query.limit)
      const name = checkFunctionName(query.function)
      this.#snapshot.refresh()
      return slowestCalls(this.#snapshot, this.#functionNumbers(name), range, limit)
    })
  }

  tail(count?: number): Promise<CallRow[]> {
    return attempt(() => {
      const limit = checkLimit(count, 'count')
      this.#snapshot.refresh()
      return latestCalls(this.#snapshot, limit)
    })
  }

  follow(options: FollowOptions = {}): AsyncIterable<CallRow> {
    checkOptionNames(options, 'options', ['signal', 'pollMs'])
    const pollMs = checkPollMs(options.pollMs)
    checkSignal(options.signal)
    if (this.#snapshot.isClosed)
      throw new KroniclerError('KRONICLER_CLOSED', 'the database is closed')
    const signals = [this.#closing.signal]
    if (options.signal !== undefined) signals.push(options.signal)
    return followCalls(this.#snapshot, { pollMs, signals })
  }

  count(query: CountQuery = {}): Promise<number> {
    return attempt(() => {
      checkOptionNames(query, 'query', ['function', 'from', 'to'])
      const range = resolveRange(query)
      const name = checkFunctionName(query.function)
      this.#snapshot.refresh()
      let calls = 0
      for (const functionNumber of this.#functionNumbers(name)) {
        calls += countFunction(this.#snapshot, functionNumber, range)
      }
      return calls
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

  /** The function with the name, if there is one; without a name all functions of the program. */
  #functionNumbers(name: string | undefined): Iterable<number> {
    const { functions } = this.#snapshot
    const functionNumber = functions.find(name ?? HEALTH_FUNCTION)
    if (name !== undefined) return functionNumber === undefined ? [] : [functionNumber]
    const numbers = functions.names.keys()
    if (functionNumber === undefined) return numbers
    return [...numbers].filter((number) => number !== functionNumber)
  }
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('signal must be an AbortSignal')
  }
}

function checkOpenOptions(directory: string, options: OpenOptions): void {
  checkOptionNames(options, 'options', ['onFault', 'cacheSizeBytes'])
  const { cacheSizeBytes, onFault } = options
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError(`directory must be a path, not ${JSON.stringify(directory)}`)
  }
  if (onFault !== undefined && typeof onFault !== 'function') {
    throw new TypeError('onFault must be a function')
  }
  if (cacheSizeBytes !== undefined && !(cacheSizeBytes >= 0)) {
    throw new RangeError(`cacheSizeBytes must be at least 0, not ${String(cacheSizeBytes)}`)
  }
}

/** The answer as a promise, rejected with whatever `answer` throws. */
function attempt<T>(answer: () => T): Promise<T> {
  try {
    return Promise.resolve(answer())
  } catch (error) {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it is
    return Promise.reject(error)
  }
}
