/**
 * @module kronicler
 * Records every call of the functions you choose. One instance a thread, whichever module format loads it first.
 */
import { createInstance, type Instance } from './instance.ts'

export type { Capture, CaptureDecorator } from './capture/capture.ts'
export type { CaptureOptions } from './capture/options.ts'
export { CorruptionError, KroniclerError, type ErrorCode } from './errors.ts'
export type { Options } from './internal/options.ts'
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
 * alike, with their class name, and reach the caller unchanged. A generator cannot be captured.
 *
 * @throws {TypeError}  what is to be captured is not a function, or an option is not known
 * @throws {RangeError} the name is empty
 */
export const capture = instance.capture

/**
 * Sets options, before the first captured function is called (some before the first is captured).
 *
 * @throws {TypeError}      an option is unknown or of the wrong type; the message names it
 * @throws {RangeError}     an option is outside its range
 * @throws {KroniclerError} KRONICLER_STARTED: it is too late
 */
export const configure = instance.configure

/** Waits until every call recorded so far is stored. @returns false if that was not possible; never rejects */
export const flush = instance.flush

/** Stores and seals everything and ends the background thread. Captured functions work on, with metrics only. */
export const close = instance.close

/** A function's metrics in this process, including its latest call; undefined if it has not been called. */
export const getMetrics = instance.getMetrics

/** Name and metrics of every function called in this process. */
export const metrics = instance.metrics

/** How Kronicler itself is doing: rows stored, queued and dropped, and its last failure. */
export const health = instance.health
