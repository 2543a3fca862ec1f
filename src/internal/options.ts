/**
 * @module internal/options
 * What a user may configure, checked where it is given.
 */
import { resolve } from 'node:path'
import type { Output } from '../types.ts'
import { checkOptionNames, kindOf } from './check-options.ts'
import { checkOutputs, outputsOf } from './output-options.ts'

export type OverflowPolicy = 'drop' | 'block'
export type SyncPolicy = 'batch' | 'interval' | 'never'

export interface Options {
  directory?: string // where rows are stored (default: KRONICLER_DIR, or .kronicler in the working directory)
  enabled?: boolean // false: nothing is recorded (default true; KRONICLER_ENABLED=false also leaves functions unwrapped)
  queueCapacity?: number // rows a thread's queue holds, a power of two, 1,024 to 4,194,304 (default 262,144: 8 MiB)
  intervalMs?: number // rows are stored at least this often, 1 to 10,000 (default 50)
  overflow?: OverflowPolicy // a full queue refuses and counts the row, or makes the call wait (default 'drop')
  sync?: SyncPolicy // rows are made safe against power loss with every batch, once a second, or never (default 'interval')
  segmentRows?: number // rows after which a log is sealed, 4,096 to 4,194,304 (default 262,144)
  compaction?: boolean // small segments are merged in the background (default true)
  retention?: RetentionOptions // what expires; its hourly totals stay (default: nothing does)
  maxFunctions?: number // distinct functions; further ones are recorded as "(other)", 1 to 1,000,000 (default 20,000)
  outputs?: readonly Output[] // summaries are saved to these: sqlite(), postgres(), or functions (default: KRONICLER_SQLITE and KRONICLER_POSTGRES)
  signals?: boolean // store what is queued on SIGTERM, SIGINT and SIGHUP (default true)
  onError?: (error: Error) => void // told once of each kind of failure inside Kronicler (default: a line on stderr)
}

export interface RetentionOptions {
  maxAgeMs?: number // rows that start earlier expire, at least 60,000 (default: KRONICLER_RETENTION_AGE, such as '30d')
  maxSizeBytes?: number // of the directory, at least 1,000,000 (default: KRONICLER_RETENTION_SIZE, such as '10GB')
}

export type Settings = Required<Omit<Options, 'retention'>> & Pick<Options, 'retention'>

const DEFAULTS = {
  enabled: true,
  queueCapacity: 262_144,
  intervalMs: 50,
  overflow: 'drop',
  sync: 'interval',
  segmentRows: 262_144,
  compaction: true,
  maxFunctions: 20_000,
  signals: true,
} as const satisfies Partial<Settings>

const CHECKS: { [K in keyof Options]-?: (value: unknown) => void } = {
  directory: (value) => {
    if (typeof value !== 'string') throw wrongType('directory', 'a string', value)
    if (value === '' || value.includes('\0'))
      throw new RangeError('directory must be a usable path')
  },
  enabled: isBoolean('enabled'),
  queueCapacity: (value) => {
    isInteger('queueCapacity', 1024, 4_194_304)(value)
    if (!Number.isInteger(Math.log2(value as number))) {
      throw new RangeError(`queueCapacity must be a power of two, not ${String(value)}`)
    }
  },
  intervalMs: isInteger('intervalMs', 1, 10_000),
  overflow: isOneOf('overflow', ['drop', 'block']),
  sync: isOneOf('sync', ['batch', 'interval', 'never']),
  segmentRows: isInteger('segmentRows', 4096, 4_194_304),
  compaction: isBoolean('compaction'),
  retention: (value) => {
    checkOptionNames(value, 'retention', ['maxAgeMs', 'maxSizeBytes'])
    const { maxAgeMs, maxSizeBytes } = value as RetentionOptions
    isAtLeast('retention.maxAgeMs', 60_000)(maxAgeMs)
    isAtLeast('retention.maxSizeBytes', 1e6)(maxSizeBytes)
  },
  maxFunctions: isInteger('maxFunctions', 1, 1_000_000),
  outputs: checkOutputs,
  signals: isBoolean('signals'),
  onError: (value) => {
    if (typeof value !== 'function') throw wrongType('onError', 'a function', value)
  },
}

/**
 * Checks each option that is given.
 *
 * @throws {TypeError}  an option is unknown or of the wrong type; the message names it
 * @throws {RangeError} an option is outside its range
 */
export function checkOptions(options: unknown): Options {
  checkOptionNames(options, 'options', Object.keys(CHECKS))
  for (const [name, value] of Object.entries(options as Options)) {
    if (value !== undefined) CHECKS[name as keyof Options](value)
  }
  return options as Options
}

/** The options given, the environment, and the defaults, in this order. The directory holds wherever the process goes. */
export function settle(options: Options, environment: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  )
  return {
    ...DEFAULTS,
    onError: reportOnStderr,
    outputs: options.outputs ?? outputsOf(environment),
    ...given,
    directory: resolve(options.directory ?? (environment['KRONICLER_DIR'] || '.kronicler')),
    enabled: isEnabled(environment) && options.enabled !== false,
  }
}

/** `KRONICLER_ENABLED=false`, `0`, `off` or `no` switches everything off. */
export function isEnabled(environment: NodeJS.ProcessEnv): boolean {
  return !/^(false|0|off|no)$/i.test(environment['KRONICLER_ENABLED'] ?? '')
}

function reportOnStderr(error: Error): void {
  process.stderr.write(`kronicler: ${error.message}\n`)
}

function isBoolean(name: string) {
  return (value: unknown): void => {
    if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value)
  }
}

function isInteger(name: string, low: number, high: number) {
  return (value: unknown): void => {
    if (typeof value !== 'number') throw wrongType(name, 'a number', value)
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new RangeError(`${name} must be a whole number from ${low} to ${high}, not ${value}`)
    }
  }
}

function isAtLeast(name: string, low: number) {
  return (value: unknown): void => {
    if (value !== undefined) isInteger(name, low, Number.MAX_SAFE_INTEGER)(value)
  }
}

function isOneOf(name: string, allowed: readonly string[]) {
  return (value: unknown): void => {
    if (typeof value !== 'string') throw wrongType(name, 'a string', value)
    if (!allowed.includes(value)) {
      throw new RangeError(`${name} must be one of ${allowed.join(', ')}, not ${value}`)
    }
  }
}

function wrongType(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${expected}, not ${kindOf(value)}`)
}
