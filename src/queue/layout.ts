/**
 * @module queue/layout
 * Every slot of the memory that the application's threads and the background thread share: who writes it, and which
 * store publishes it. All of it is plain SharedArrayBuffers, so it can be handed to a thread as it is. Large buffers
 * cost address space only: the system commits a page when it is first touched.
 *
 * Record, 32 bytes, in a ring of a power of two of them, one ring a thread ("slot"):
 *
 *   byte  size  field        written by the slot's thread; valid below HEAD
 *      0     8  start        monotonic ns: u64, or f64 with the float clock (queue/time-source)
 *      8     8  end          the same
 *     16     4  function     u32, bits 0-19 function id, bits 20-30 depth: captured calls around it on its stack (at most
 *                            2047), bit 31: it failed
 *     20     4  parent       u32, bits 0-19 id of the function that called it, 0: none known; bit 20: it was asynchronous,
 *                            bit 21: an entry of the details ring belongs to it
 *     24     4  errorType    u32, id of the error's class name; only written if the failed bit is set
 *     28     4  parentStart  u32, low half of the start of the call around it, to tell one call of the parent from the
 *                            next; of synchronous calls only
 *
 * Details, in a ring of bytes, one a thread; an entry is written before its record and stands in one piece:
 *
 *   byte  size  field        written by the slot's thread; valid below DETAIL_HEAD
 *      0     4  record       u32, position of its record (HEAD before it was written)
 *      4     4  textLength   u32, bytes of the attributes; 0xFFFFFFFF: go on at the beginning of the ring
 *      8     8  childrenNs   f64, time spent in captured calls that it made; NaN: not known
 *     16        attributes   UTF-8 text of a JSON object, padded to 8 bytes
 *
 * Control words are Int32, each on a 64-byte line of its own, so that two threads never write the same line:
 *
 *   word             written by                   published by
 *   LOCK             whoever drains               compareExchange: 0, or the owner's thread id + 1
 *   FOLD_SEQUENCE    lock owner                   Atomics.store: odd while the metrics are being changed
 *   WAKE             anyone who wants a drain     Atomics.add + notify
 *   WRITER           host and background thread   Atomics.store: one of WRITER_* below
 *   SLOTLESS_DROPPED a thread without a slot      Atomics.add: rows refused for want of a slot, modulo 2^32
 *   FAILED_DRAINS    lock owner                   Atomics.store: drains refused by the disk since the last good one
 *   REFUSED_LOCK     a thread whose ring is full  compareExchange
 *   REFUSED_SEQUENCE owner of REFUSED_LOCK        Atomics.store: odd while the refused calls' metrics are being changed
 *
 * and per slot, at SLOT_WORDS + slot * SLOT_STRIDE:
 *
 *   HEAD             the slot's thread            plain store on x86 (stores stay in order), else Atomics.store
 *   TAIL             lock owner                   Atomics.store, after the rows are in the log and in the metrics
 *   CLAIMED          the slot's thread            compareExchange: its thread id + 1; freed by the parent when it is gone
 *   FOLDED           lock owner                   plain store, beside CLAIMED: what is below it is in the metrics. Ahead of
 *                                                 TAIL while a batch is folded, and after a death in doing so
 *   DETAIL_HEAD      the slot's thread            Atomics.store, before the record that the entry belongs to
 *   DETAIL_TAIL      lock owner                   Atomics.store, after TAIL
 *
 * Rows refused and rows stored are counted in f64 (exact to 2^53), one writer each: see the counters below.
 */

import type { ClockOriginMs } from './time-source.ts'

export const RECORD_SIZE_BYTES = 32
export const FAILED_BIT = 0x8000_0000
export const FUNCTION_ID_MASK = 0xf_ffff
export const DEPTH_SHIFT = 20
/** Deeper calls are recorded with this depth. */
export const MAX_DEPTH = 2047
export const ASYNC_BIT = 0x10_0000
export const DETAILED_BIT = 0x20_0000

export const DETAIL_HEADER_BYTES = 16
/** In the place of a length: the rest of the ring is empty. */
export const DETAIL_WRAP = 0xffff_ffff
/** A thread's details that wait to be stored: 256 of the largest attributes. */
const DETAIL_RING_BYTES = 1 << 20

export const SLOT_COUNT = 16

const LINE_WORDS = 16
export const LOCK = 0
export const FOLD_SEQUENCE = LINE_WORDS
export const WAKE = 2 * LINE_WORDS
export const WRITER = 3 * LINE_WORDS
export const SLOTLESS_DROPPED = 4 * LINE_WORDS
export const FAILED_DRAINS = 5 * LINE_WORDS
export const REFUSED_LOCK = 6 * LINE_WORDS
export const REFUSED_SEQUENCE = 7 * LINE_WORDS
const SLOT_WORDS = 8 * LINE_WORDS
const SLOT_STRIDE = 5 * LINE_WORDS

/** Control word of a slot. */
export const headWord = (slot: number): number => SLOT_WORDS + slot * SLOT_STRIDE
export const tailWord = (slot: number): number => headWord(slot) + LINE_WORDS
export const claimedWord = (slot: number): number => headWord(slot) + 2 * LINE_WORDS
export const foldedWord = (slot: number): number => claimedWord(slot) + 1
export const detailHeadWord = (slot: number): number => headWord(slot) + 3 * LINE_WORDS
export const detailTailWord = (slot: number): number => headWord(slot) + 4 * LINE_WORDS

const CONTROL_WORDS = SLOT_WORDS + SLOT_COUNT * SLOT_STRIDE

/** States of the background writer, in the WRITER word. */
export const WRITER_NONE = 0 // nobody drains yet: whoever fills the ring does it
export const WRITER_RUNNING = 1
export const WRITER_FAILED = 2 // the thread died; rings fill up and rows are refused until it is back
export const WRITER_CLOSING = 3 // asked to drain, seal and end
export const WRITER_CLOSED = 4

/** f64 counters, each written by one thread at a time. */
export const COUNTER_STRIDE = 8
export const droppedCounter = (slot: number): number => slot * COUNTER_STRIDE
/** Calls that could not be recorded for want of stack (the slot's thread). */
export const lostCounter = (slot: number): number => droppedCounter(slot) + 1
/** Rows of a slot that are in the log (lock owner). Equals the sequence of the slot's next row. */
export const storedCounter = (slot: number): number => (SLOT_COUNT + slot) * COUNTER_STRIDE
/** Rows of a slot that lost their details because the ring of those was full (the slot's thread). */
export const detailsDroppedCounter = (slot: number): number =>
  (2 * SLOT_COUNT + slot) * COUNTER_STRIDE
/** Nanoseconds that a slot's thread last needed to read the clock (the slot's thread). */
export const clockReadCounter = (slot: number): number => (3 * SLOT_COUNT + slot) * COUNTER_STRIDE
/** Rows left out on request: not in the sample, or too short (lock owner). */
export const FILTERED_COUNTER = 4 * SLOT_COUNT * COUNTER_STRIDE
/** Of a slot's refused rows, those refused because nothing could be stored, and because recording has ended. */
export const refusedFailingCounter = (slot: number): number =>
  (4 * SLOT_COUNT + 1 + slot) * COUNTER_STRIDE
export const refusedClosedCounter = (slot: number): number =>
  (5 * SLOT_COUNT + 1 + slot) * COUNTER_STRIDE
/** Rows that were queued when recording ended (lock owner). */
export const DISCARDED_COUNTER = (6 * SLOT_COUNT + 1) * COUNTER_STRIDE
/** What the background thread has measured of itself: see writer/self-accounting. */
export const OWN_COST_NS = (6 * SLOT_COUNT + 2) * COUNTER_STRIDE
export const OWN_CLOCK_READ_NS = OWN_COST_NS + 1
/** Rows about itself that are in the log (lock owner). */
export const OWN_ROWS = OWN_COST_NS + 2
const COUNTER_COUNT = (6 * SLOT_COUNT + 3) * COUNTER_STRIDE

/** Rows refused by all threads, slotless ones too, and calls that no stack was left to record. */
export function droppedRows(control: Int32Array, counters: Float64Array): number {
  let dropped = (Atomics.load(control, SLOTLESS_DROPPED) >>> 0) + counters[DISCARDED_COUNTER]!
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    dropped += counters[droppedCounter(slot)]! + counters[lostCounter(slot)]!
  }
  return dropped
}

/** Rows that lost their details, of all threads. */
export function droppedDetails(counters: Float64Array): number {
  let dropped = 0
  for (let slot = 0; slot < SLOT_COUNT; slot++) dropped += counters[detailsDroppedCounter(slot)]!
  return dropped
}

/** f64 words that tie the monotonic clock to the calendar (lock owner; written before the first row). */
export const CLOCK_MONOTONIC_NS = 0
export const CLOCK_EPOCH_US = 1
const CLOCK_WORDS = 8

/** f64 words for database/directory-writer's state. */
const DIRECTORY_WORDS = 32
/** UTF-8 path of the writer's directory, after a u32 length; written once by the lock owner that made it. */
const PATH_BYTES = 8192

export interface SharedMemory {
  control: SharedArrayBuffer
  rings: SharedArrayBuffer[] // SLOT_COUNT rings of `capacity` records
  details: SharedArrayBuffer[] // SLOT_COUNT rings of bytes
  counters: SharedArrayBuffer
  clock: SharedArrayBuffer
  callTree: SharedArrayBuffer // queue/call-tree (lock owner)
  controls: SharedArrayBuffer // queue/controls
  rules: SharedArrayBuffer // control/shared-rules
  names: SharedArrayBuffer // queue/name-log
  folded: SharedArrayBuffer // metrics/slab of all drained calls (lock owner)
  refused: SharedArrayBuffer // metrics/slab of the calls that found a full ring (owner of REFUSED_LOCK)
  directoryState: SharedArrayBuffer
  directoryPath: SharedArrayBuffer
  clockOrigin: ClockOriginMs
}

/**
 * @param capacity rows a ring holds, a power of two
 * @param sizes    bytes of the parts whose layout belongs to other modules
 * @param clockOrigin of the clock that all threads read
 */
export function createSharedMemory(
  capacity: number,
  sizes: { names: number; slab: number; controls: number; rules: number; callTree: number },
  clockOrigin: ClockOriginMs,
): SharedMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_WORDS * 4),
    rings: Array.from(
      { length: SLOT_COUNT },
      () => new SharedArrayBuffer(capacity * RECORD_SIZE_BYTES),
    ),
    details: Array.from({ length: SLOT_COUNT }, () => new SharedArrayBuffer(DETAIL_RING_BYTES)),
    counters: new SharedArrayBuffer(COUNTER_COUNT * 8),
    clock: new SharedArrayBuffer(CLOCK_WORDS * 8),
    callTree: new SharedArrayBuffer(sizes.callTree),
    controls: new SharedArrayBuffer(sizes.controls),
    rules: new SharedArrayBuffer(sizes.rules),
    names: new SharedArrayBuffer(sizes.names),
    folded: new SharedArrayBuffer(sizes.slab),
    refused: new SharedArrayBuffer(sizes.slab),
    directoryState: new SharedArrayBuffer(DIRECTORY_WORDS * 8),
    directoryPath: new SharedArrayBuffer(PATH_BYTES),
    clockOrigin,
  }
}
