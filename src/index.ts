/**
 * @module kronicler
 * Records every call of the functions you choose. One instance a thread, whichever module format loads it first.
 */
import { createInstance, type Instance } from './instance.ts'

export type { Capture, CaptureDecorator } from './capture/capture.ts'
export type { RecordOptions, StreamOptions } from './capture/measure.ts'
export type { CaptureOptions } from './capture/options.ts'
export type { ActiveRule, Control } from './control/control.ts'
export type { ControlRule, ControlSettings } from './control/rule.ts'
export type { Span } from './capture/span.ts'
export type { FlushAfter, FlushAfterOptions } from './integrations/flush-after.ts'
export { CorruptionError, KroniclerError, type ErrorCode } from './errors.ts'
export type { Options } from './internal/options.ts'
export type { Database } from './query/database.ts'
export type { OpenOptions } from './query/open-database.ts'
export type { Health, Metrics } from './types.ts'

const KEY = Symbol.for('kronicler')
const registry = globalThis as { [KEY]?: Instance | undefined }
const instance = (registry[KEY] ??= createInstance())

/**
 * Wraps a function or all methods of a class, or decorates a class or a member of it, so that every call is recorded:
 * start, duration, error.
 *
 *   const load = capture(async function load(id: string) { ... })
 *   const parse = capture('parse order', (text: string) => ...)
 *   class Orders { @capture async find(id: string) { ... } }
 *
 * What comes back has the function's exact type and cannot be told from it. Sync throws and rejections are recorded
 * alike, with their class name, and reach the caller unchanged. A generator is one call, from the first `next()` to the
 * end of its body.
 *
 * @throws {TypeError}  what is to be captured is not a function, or an option is not known
 * @throws {RangeError} the name is empty
 */
export const capture = instance.capture

/**
 * The same for a function in Node's callback style: a call lasts until its callback is called, and has failed if the
 * callback's first argument is an error.
 */
export const captureCallback = instance.captureCallback

/**
 * Records an existing stream, Node's or the web's, from now until it ends, fails or is closed. Returns the stream itself.
 *
 * @throws {TypeError}  it is no stream
 * @throws {RangeError} the name is empty
 */
export const captureStream = instance.captureStream

/**
 * Times a piece of work: from here to the end of the block with `using work = span('work')`, or to its `end()` or
 * `fail(error)`; or one call of a function, sync or async, with `span('work', () => ...)`, whose result it returns.
 */
export const span = instance.span

/**
 * Records a call that has just ended and was timed by somebody else.
 *
 * @throws {TypeError}  the duration is no number
 * @throws {RangeError} it is not in [0, 2^53 - 1] ns
 */
export const record = instance.record

/**
 * Sets options, before the first captured function is called (some before the first is captured).
 *
 * @throws {TypeError}      an option is unknown or of the wrong type; the message names it
 * @throws {RangeError}     an option is outside its range
 * @throws {KroniclerError} KRONICLER_STARTED: it is too late
 */
export const configure = instance.configure

/**
 * Sets what is recorded of the functions whose names match, while the program runs: at once, in all threads that
 * record together, and for functions that are captured later too.
 *
 *   control('orders.*', { enabled: false })
 *   control('*', { slowerThan: '5ms', sample: 0.1 })
 *
 * @throws {TypeError | RangeError} the pattern or a setting is not what it must be; the message names it
 */
export const control = instance.control

/** Waits until every call recorded so far is stored. @returns false if that was not possible; never rejects */
export const flush = instance.flush

/**
 * Wraps a serverless handler, so that what an invocation has recorded is stored before it is over: its promise settles after
 * that, with the same result or error. A handler that returns no promise stores its rows before it returns.
 *
 *   export const handler = flushAfter(capture('handler', async (event) => { ... }))
 *
 * @throws {TypeError}  it is no function, or an option is unknown or of the wrong type
 * @throws {RangeError} `timeoutMs` is not in [1, 60,000]
 */
export const flushAfter = instance.flushAfter

/** Stores and seals everything and ends the background thread. Captured functions work on, with metrics only. */
export const close = instance.close

/**
 * The database that this program records into, opened for questions; every call recorded before is in the answers, later
 * ones when they are stored. To be closed when it is not needed any more. It also holds what other processes record there.
 *
 * @throws {KroniclerError} KRONICLER_NOT_FOUND: nothing has been recorded yet; KRONICLER_IO
 */
export const database = instance.database

/** A function's metrics in this process, including its latest call; undefined if it has not been called. */
export const getMetrics = instance.getMetrics

/** Name and metrics of every function called in this process. */
export const metrics = instance.metrics

/** How Kronicler itself is doing: rows stored, queued and dropped, and its last failure. */
export const health = instance.health
