/**
 * Ways of turning what happens into plain data that two runs can be compared by.
 */
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AnyFunction } from './form.ts'

/** Up to Node 22, for AsyncLocalStorage. */
const NODES_SYMBOLS = /^Symbol\((async_id_symbol|trigger_async_id_symbol|kResourceStore)\)$/
const PACKAGE_FILES = fileURLToPath(new URL('../../dist/', import.meta.url)).replaceAll(sep, '/')

/** What a call gave, or what it threw, as told by `describe`. */
export function outcomeOf(
  fn: () => unknown,
  describe: (value: unknown) => unknown = plain,
): unknown {
  try {
    return { returned: describe(fn()) }
  } catch (error) {
    return { threw: describe(error) }
  }
}

/** The same for a call whose promise is waited for. A sync throw and a rejection are told apart. */
export async function endOf(
  fn: () => unknown,
  describe: (value: unknown) => unknown = plain,
): Promise<unknown> {
  let result: unknown
  try {
    result = fn()
  } catch (error) {
    return { threw: describe(error) }
  }
  if (isGenerator(result)) return endOfGenerator(result, describe)
  if (!isThenable(result)) return { returned: describe(result) }
  try {
    return { resolved: describe(await result) }
  } catch (error) {
    return { rejected: describe(error) }
  }
}

/** Waits for whatever a call gives; a generator runs to its end. */
export async function settled(result: unknown): Promise<unknown> {
  return isGenerator(result) ? drained(result) : result
}

type AnyGenerator = Generator | AsyncGenerator

async function endOfGenerator(
  generator: AnyGenerator,
  describe: (value: unknown) => unknown,
): Promise<unknown> {
  try {
    return { drained: describe(await drained(generator)) }
  } catch (error) {
    return { failed: describe(error) }
  }
}

async function drained(generator: AnyGenerator): Promise<unknown> {
  for (;;) {
    const step = generator.next()
    const { done, value } = isThenable(step) ? await step : step
    if (done === true) return value
  }
}

function isGenerator(value: unknown): value is AnyGenerator {
  return /^\[object (Async)?Generator\]$/.test(Object.prototype.toString.call(value))
}

/** Primitives as they are, errors by class and message, everything else by its kind. */
export function plain(value: unknown): unknown {
  if (typeof value === 'symbol') return String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value
  if (value instanceof Error) return `${value.constructor.name}: ${value.message}`
  return Object.prototype.toString.call(value)
}

/** Which of the candidates it is: the identity of an object as plain data. */
export function whichOf(candidates: Record<string, unknown>): (value: unknown) => unknown {
  return (value) => {
    const found = Object.entries(candidates).find(([, candidate]) => Object.is(candidate, value))
    return found === undefined ? plain(value) : found[0]
  }
}

/** All own properties with their attributes, in order, but for what Node itself puts on a promise. */
export function ownProperties(value: object): [string, unknown][] {
  const keys = Reflect.ownKeys(value).filter((key) => !NODES_SYMBOLS.test(String(key)))
  return keys.map((key) => {
    const descriptor = Object.getOwnPropertyDescriptor(value, key)!
    const described = Object.entries(descriptor).map(([attribute, of]) => [attribute, plain(of)])
    return [String(key), Object.fromEntries(described)]
  })
}

/**
 * Frames of a stack, innermost first, down to the function named `until`: those of the package, and of the storage of
 * Node's that it uses, are only counted.
 */
export interface Frames {
  frames: string[]
  own: number
}

/**
 * Runs with stacks as the engine has them. Vitest's own source mapping, which names a frame by what stands at the next
 * one, is out of the way meanwhile.
 */
export async function framesOf(run: () => unknown, until: string): Promise<Frames> {
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.stackTraceLimit = 100
  Error.prepareStackTrace = (_error, sites) => sites.map(String).join('\n')
  let stack: unknown
  try {
    const holder = (await run()) as { stack?: unknown } | undefined
    stack = holder?.stack
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  }
  const lines = typeof stack === 'string' ? stack.split('\n') : []
  const last = lines.findIndex((line) => line.includes(until))
  const upTo = lines.slice(0, last + 1)
  const frames = upTo.filter((line) => !isOwnFrame(line))
  return { frames, own: upTo.length - frames.length }
}

export function isOwnFrame(line: string): boolean {
  return (
    line.replaceAll(sep, '/').includes(PACKAGE_FILES) || /\(node:(internal\/)?async_/.test(line)
  )
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    'then' in value &&
    typeof value.then === 'function'
  )
}

/** `await tick` takes one microtask. */
export const tick = Promise.resolve()

/** Number of microtasks until a promise has told its first listener. */
export async function ticksOf(promise: PromiseLike<unknown>): Promise<number> {
  let done = false
  const isDone = (): boolean => done
  const finish = (): void => {
    done = true
  }
  promise.then(finish, finish)
  let ticks = 0
  while (!isDone() && ticks < 100) {
    await tick
    ticks++
  }
  return ticks
}

export function callable(fn: AnyFunction): (...args: unknown[]) => unknown {
  return fn as (...args: unknown[]) => unknown
}

export function constructor(fn: AnyFunction): new (...args: unknown[]) => Record<string, unknown> {
  return fn as unknown as new (...args: unknown[]) => Record<string, unknown>
}
