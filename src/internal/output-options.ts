/**
 * @module internal/output-options
 * Outputs as a user may give them, checked where they are given.
 */
import { resolve } from 'node:path'
import type {
  CustomOutput,
  Output,
  OutputDescriptor,
  PostgresOptions,
  PostgresOutput,
  SqliteOptions,
  SqliteOutput,
  SqlOutputOptions,
} from '../types.ts'
import { checkOptionNames, kindOf } from './check-options.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const DEFAULTS: Required<SqlOutputOptions> = {
  intervalMs: 10_000,
  keepMinutesMs: 30 * DAY_MS,
  spoolBytes: 256 * 2 ** 20,
}
const SQL_OPTIONS = Object.keys(DEFAULTS)
const SQLITE_DRIVERS = ['node:sqlite', 'better-sqlite3', 'libsql']
const POSTGRES_DRIVERS = ['pg', 'postgres']
const DEFAULT_TIMEOUT_MS = 30_000

/** @throws {TypeError | RangeError} the path or an option is not what it must be */
export function sqliteOutput(path: string, options: SqliteOptions = {}): SqliteOutput {
  if (typeof path !== 'string') throw wrongType('the path', 'a string', path)
  if (path === '' || path.includes('\0')) throw new RangeError('the path must be a usable path')
  if (path === ':memory:') {
    throw new RangeError('the path must be that of a file: nobody could read from memory')
  }
  checkOptionNames(options, 'options of sqlite()', [...SQL_OPTIONS, 'driver'])
  const { driver } = options
  checkDriver(driver, SQLITE_DRIVERS)
  return {
    kind: 'sqlite',
    name: 'sqlite',
    path: resolve(path),
    driver,
    ...settled(options),
  }
}

/** @throws {TypeError | RangeError} the connection string or an option is not what it must be; neither is told */
export function postgresOutput(url: string, options: PostgresOptions = {}): PostgresOutput {
  if (typeof url !== 'string') throw wrongType('the connection string', 'a string', url)
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new RangeError('the connection string must begin with postgres:// or postgresql://')
  }
  checkOptionNames(options, 'options of postgres()', [...SQL_OPTIONS, 'driver', 'ssl', 'timeoutMs'])
  const { driver, ssl, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  checkDriver(driver, POSTGRES_DRIVERS)
  if (ssl !== undefined && typeof ssl !== 'boolean') {
    if (typeof ssl !== 'object') throw wrongType('ssl', 'true, false or an object', ssl)
    checkSendable(ssl)
  }
  checkNumber('timeoutMs', timeoutMs, 100, 600_000)
  return { kind: 'postgres', name: 'postgres', url, driver, ssl, timeoutMs, ...settled(options) }
}

/** @throws {TypeError | RangeError} it is no list of outputs; the message names the one */
export function checkOutputs(value: unknown): void {
  if (!Array.isArray(value)) throw wrongType('outputs', 'an array', value)
  for (const [index, output] of value.entries()) checkOutput(output, `outputs[${index}]`)
}

/** What the environment names, if the program configures none. */
export function outputsOf(environment: NodeJS.ProcessEnv): OutputDescriptor[] {
  const outputs: OutputDescriptor[] = []
  const path = environment['KRONICLER_SQLITE']
  const url = environment['KRONICLER_POSTGRES']
  if (path) outputs.push(sqliteOutput(path))
  if (url) outputs.push(postgresOutput(url))
  return outputs
}

/** Whether the output is written by the thread for outputs. */
export function isDescriptor(output: Output): output is OutputDescriptor {
  return typeof output === 'object' && 'kind' in output
}

/** An output of the user's own, with its defaults. */
export function customOutput(
  output: CustomOutput | CustomOutput['save'],
  number: number,
): Required<CustomOutput> {
  const given = typeof output === 'function' ? { save: output } : output
  return {
    name: given.name ?? (given.save.name || `custom-${number}`),
    intervalMs: given.intervalMs ?? DEFAULTS.intervalMs,
    timeoutMs: given.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    save: given.save,
  }
}

function checkOutput(output: unknown, what: string): void {
  if (typeof output === 'function') return
  if (typeof output !== 'object' || output === null) {
    throw wrongType(what, 'sqlite(), postgres(), a function or an object with save()', output)
  }
  if ('kind' in output && (output.kind === 'sqlite' || output.kind === 'postgres')) return
  checkOptionNames(output, what, ['name', 'intervalMs', 'timeoutMs', 'save'])
  const { name, intervalMs, timeoutMs, save } = output as Partial<CustomOutput>
  if (typeof save !== 'function') throw wrongType(`${what}.save`, 'a function', save)
  if (name !== undefined && typeof name !== 'string')
    throw wrongType(`${what}.name`, 'a string', name)
  checkNumber(`${what}.intervalMs`, intervalMs, 100, HOUR_MS)
  checkNumber(`${what}.timeoutMs`, timeoutMs, 100, HOUR_MS)
}

function settled(options: SqlOutputOptions): Required<SqlOutputOptions> {
  const {
    intervalMs = DEFAULTS.intervalMs,
    keepMinutesMs = DEFAULTS.keepMinutesMs,
    spoolBytes = DEFAULTS.spoolBytes,
  } = options
  checkNumber('intervalMs', intervalMs, 100, HOUR_MS)
  checkNumber('keepMinutesMs', keepMinutesMs, HOUR_MS, Number.MAX_SAFE_INTEGER)
  checkNumber('spoolBytes', spoolBytes, 1e6, Number.MAX_SAFE_INTEGER)
  return { intervalMs, keepMinutesMs, spoolBytes }
}

function checkDriver(driver: string | undefined, known: readonly string[]): void {
  if (driver === undefined || known.includes(driver)) return
  throw new RangeError(`driver must be one of ${known.join(', ')}, not ${driver}`)
}

/** Options go to a thread, and functions cannot. */
function checkSendable(ssl: unknown): void {
  try {
    structuredClone(ssl)
  } catch {
    throw new TypeError('ssl must hold no functions: it is used by another thread')
  }
}

function checkNumber(name: string, value: unknown, low: number, high: number): void {
  if (value === undefined) return
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} must be a whole number from ${low} to ${high}, not ${value}`)
  }
}

function wrongType(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${expected}, not ${kindOf(value)}`)
}
