/**
 * @module queue/producer
 * The part that runs inside every captured call: reads the clock, keeps the start times, writes the record.
 *
 * The clock's reading is stored at once into an array of 64-bit integers (queue/time-source): the engine then keeps it
 * raw, and nothing is allocated. A BigInt that is passed on, or kept in a closure, is boxed. Hence start times stay in
 * arrays and everything else is passed small integers: the level on the stack for a synchronous call, the number of an
 * in-flight place for an asynchronous one. Level 0 is the program itself, so a call at level n has n - 1 around it.
 *
 * `limit` is the record number at which the slow path must be asked; everything below it has room. It moves forward by a
 * quarter of the ring at a time, so the tail (another thread's line) is read once in CAPACITY / 4 calls.
 */
import {
  ASYNC_BIT,
  claimedWord,
  clockReadCounter,
  DEPTH_SHIFT,
  DETAILED_BIT,
  droppedCounter,
  FAILED_BIT,
  FAILED_DRAINS,
  FUNCTION_ID_MASK,
  headWord,
  lostCounter,
  MAX_DEPTH,
  RECORD_SIZE_BYTES,
  refusedClosedCounter,
  refusedFailingCounter,
  SLOTLESS_DROPPED,
  tailWord,
  WRITER,
  WRITER_CLOSED,
  WRITER_FAILED,
  type SharedMemory,
} from './layout.ts'
import { DetailRing } from './detail-ring.ts'
import { asTime, createTimes, timeSource, viewTimes } from './time-source.ts'

const INITIAL_LEVELS = 256
const INITIAL_IN_FLIGHT = 256
/** Waiting for room gives up after a second without a row stored. */
const WAIT_ROUND_MS = 10
const MOST_IDLE_ROUNDS = 100
/** Of the clock, in a row, to learn what one costs at the moment. */
const PROBE_READS = 8
/** The quickest counts: in the others the thread was interrupted. */
const PROBES = 4

/** What the slow paths need from the rest of the system. None of them may throw. */
export interface ProducerHooks {
  /** Before the first call of this thread is timed. */
  start(): void
  /** Rows wait: the ring is filling up, or the thread writes through. */
  pressure(): void
  /** The row that `announceNext` asked for is about to be written. */
  announced?(): void
  /** Whether to wait for room in a full ring: the overflow policy is to block, and a drain can be expected. */
  mayWait(): boolean
  /** The ring is full and the row is refused: it counts, but it is not stored. */
  refused(functionId: number, durationNs: number, failed: boolean): void
}

/** Captured calls under way on the thread's stack. */
export interface CallStack {
  /**
   * Level of the innermost one; 0: none. Whoever catches what a captured function throws stores the level below before
   * anything else: at the end of the stack even the call of `fail` is one too many, and a level would stay for ever.
   */
  top: number
  /**
   * One number: calls that could not be recorded for want of stack. In shared memory, because the thread may never make
   * another call in which to pass it on.
   */
  readonly lost: Float64Array
}

export interface Producer {
  readonly stack: CallStack
  /** Starts timing. @returns the call's level, for the matching end */
  begin: (functionId: number) => number
  /** Ends the call begun at `level`. */
  end: (functionId: number, level: number) => void
  /** Ends a call that threw. `errorType` is an id of the name log. */
  fail: (functionId: number, level: number, errorType: number) => void
  /** The call begun at `level` goes on asynchronously. @returns its in-flight place */
  park: (level: number) => number
  /** The same, but what is called until `leave` counts as called by it. */
  hold: (level: number) => number
  /** What `hold` keeps at `place` is called from there again: enters it anew. @returns its level, to leave */
  resume: (functionId: number, place: number) => number
  /** The stack is back below `level`. */
  leave: (level: number) => void
  endAsync: (functionId: number, place: number) => void
  failAsync: (functionId: number, place: number, errorType: number) => void
  /** The time, for `finish`. Boxed: not for the fast path. */
  time: () => bigint
  /** Ends a call that was parked or held and ended at `endNs`, as the synchronous or asynchronous call that it was. */
  finish: (
    functionId: number,
    place: number,
    endNs: bigint,
    asynchronous: boolean,
    errorType: number,
  ) => void
  /**
   * What the next record of this thread says besides; directly before its end.
   *
   * @param childrenNs time spent in captured calls that it made; NaN: as its stack tells
   * @param attributes text of a JSON object
   */
  annotate: (childrenNs: number, attributes: string | undefined) => void
  /** The call kept at `place`, which began on an empty stack, was made by that function, across an asynchronous gap. */
  adopt: (place: number, callerId: number) => void
  /** Function whose captured call is under way on this stack; 0: none. */
  current: () => number
  /** A call that ends now and was timed by somebody else. `errorType` 0: it did not fail */
  record: (functionId: number, durationNs: number, errorType: number) => void
  /** From now on every row is announced by `pressure` as soon as it is written: for calls made while the process ends. */
  writeThrough: () => void
  /** Has `announced` called before the next row is written. */
  announceNext: () => void
  /** From now on every row is refused. */
  refuseAll: () => void
}

/** A producer that accepts nothing, for a thread that found no free slot: `slot` is then undefined. */
export function createProducer(
  memory: SharedMemory,
  slot: number | undefined,
  hooks: ProducerHooks,
): Producer {
  const { clockOrigin } = memory
  const now = timeSource(clockOrigin)
  const ring = memory.rings[slot ?? 0]!
  const ring64 = viewTimes(ring, clockOrigin)
  const ring32 = new Uint32Array(ring)
  const control = new Int32Array(memory.control)
  const counters = new Float64Array(memory.counters)
  const details = new DetailRing(memory, slot ?? 0)
  const capacity = ring.byteLength / RECORD_SIZE_BYTES
  const mask = capacity - 1
  const quarter = capacity >> 2
  const headIndex = headWord(slot ?? 0)
  const tailIndex = tailWord(slot ?? 0)
  const droppedIndex = droppedCounter(slot ?? 0)
  /** On x86 stores become visible in the order in which they were made, so a plain store publishes the record. */
  const storesInOrder = process.arch === 'x64' || process.arch === 'ia32'

  // the stack, by level
  let starts = createTimes(INITIAL_LEVELS, clockOrigin)
  let startWords = new Uint32Array(starts.buffer)
  let callers = new Uint32Array(INITIAL_LEVELS) // function whose call it is
  const stack: CallStack = {
    top: 0,
    lost:
      slot === undefined
        ? new Float64Array(1)
        : counters.subarray(lostCounter(slot), lostCounter(slot) + 1),
  }
  let levelLimit = 0 // 0: not started
  // calls in flight, by place
  let inFlight = createTimes(INITIAL_IN_FLIGHT, clockOrigin)
  let inFlightParents = new Uint32Array(INITIAL_IN_FLIGHT) // function id, depth above it
  let inFlightParentStarts = new Uint32Array(INITIAL_IN_FLIGHT)
  let freePlaces = new Int32Array(0)
  let freeCount = 0
  let head = slot === undefined ? 0 : Atomics.load(control, headIndex)
  let limit = head
  let granted = head // up to here there is room; an annotation moves the limit only
  let mode: 'queue' | 'write-through' | 'refuse' = slot === undefined ? 'refuse' : 'queue'
  let probes = 0
  let announcing = false
  let stalledTail: number | undefined // the tail that did not move for as long as anybody would wait

  function begin(functionId: number): number {
    const level = stack.top + 1
    if (level >= levelLimit) deepen(level)
    callers[level] = functionId
    starts[level] = now()
    // last: a stack overflow in here leaves the stack as it was
    stack.top = level
    return level
  }

  function end(functionId: number, level: number): void {
    const i = head
    const above = level - 1
    stack.top = above
    if (i === limit) {
      writeSync(functionId, level, 0, now())
      return
    }
    const at = (i & mask) << 2
    ring64[at] = starts[level]!
    ring64[at + 1] = now()
    const word = (at << 1) + 4
    ring32[word] = functionId | ((above < MAX_DEPTH ? above : MAX_DEPTH) << DEPTH_SHIFT)
    ring32[word + 1] = callers[above]!
    ring32[word + 3] = startWords[above << 1]!
    head = (i + 1) | 0
    if (storesInOrder) control[headIndex] = head
    else Atomics.store(control, headIndex, head)
  }

  function fail(functionId: number, level: number, errorType: number): void {
    stack.top = level - 1
    writeSync(functionId | FAILED_BIT, level, errorType, now())
  }

  function writeSync(functionId: number, level: number, errorType: number, endNs: bigint): void {
    const above = level - 1
    const parent = callers[above]! | (Math.min(above, MAX_DEPTH) << DEPTH_SHIFT)
    write(functionId, parent, startWords[above << 1]!, 0, errorType, starts[level]!, endNs)
  }

  function park(level: number): number {
    const place = hold(level)
    stack.top = level - 1
    return place
  }

  function hold(level: number): number {
    if (freeCount === 0) addPlaces()
    const place = freePlaces[--freeCount]!
    const above = level - 1
    inFlight[place] = starts[level]!
    inFlightParents[place] =
      callers[above]! | ((above < MAX_DEPTH ? above : MAX_DEPTH) << DEPTH_SHIFT)
    inFlightParentStarts[place] = startWords[above << 1]!
    return place
  }

  function resume(functionId: number, place: number): number {
    const level = stack.top + 1
    if (level >= levelLimit) deepen(level)
    callers[level] = functionId
    starts[level] = inFlight[place]!
    stack.top = level
    return level
  }

  function leave(level: number): void {
    stack.top = level - 1
  }

  function endAsync(functionId: number, place: number): void {
    freePlaces[freeCount++] = place
    const i = head
    if (i === limit) {
      writeInFlight(functionId, place, ASYNC_BIT, 0, now())
      return
    }
    const at = (i & mask) << 2
    ring64[at] = inFlight[place]!
    ring64[at + 1] = now()
    const parent = inFlightParents[place]!
    const word = (at << 1) + 4
    ring32[word] = functionId | (parent & ~FUNCTION_ID_MASK)
    ring32[word + 1] = (parent & FUNCTION_ID_MASK) | ASYNC_BIT
    head = (i + 1) | 0
    if (storesInOrder) control[headIndex] = head
    else Atomics.store(control, headIndex, head)
  }

  function failAsync(functionId: number, place: number, errorType: number): void {
    freePlaces[freeCount++] = place
    writeInFlight(functionId | FAILED_BIT, place, ASYNC_BIT, errorType, now())
  }

  function finish(
    functionId: number,
    place: number,
    endNs: bigint,
    asynchronous: boolean,
    errorType: number,
  ): void {
    freePlaces[freeCount++] = place
    const failed = errorType === 0 ? 0 : FAILED_BIT
    writeInFlight(functionId | failed, place, asynchronous ? ASYNC_BIT : 0, errorType, endNs)
  }

  function adopt(place: number, callerId: number): void {
    inFlightParents[place] = (inFlightParents[place]! & ~FUNCTION_ID_MASK) | callerId
  }

  function writeInFlight(
    functionId: number,
    place: number,
    flags: number,
    errorType: number,
    endNs: bigint,
  ): void {
    const parentStart = inFlightParentStarts[place]!
    write(
      functionId,
      inFlightParents[place]!,
      parentStart,
      flags,
      errorType,
      inFlight[place]!,
      endNs,
    )
  }

  function record(functionId: number, durationNs: number, errorType: number): void {
    if (levelLimit === 0) deepen(1)
    const endNs = now()
    const failed = errorType === 0 ? 0 : FAILED_BIT
    const startNs = endNs - asTime(durationNs, clockOrigin)
    const { top } = stack
    const parent = callers[top]! | (Math.min(top, MAX_DEPTH) << DEPTH_SHIFT)
    const start = startNs < 0 ? asTime(0, clockOrigin) : startNs
    write(functionId | failed, parent, startWords[top << 1]!, 0, errorType, start, endNs)
  }

  function annotate(childrenNs: number, attributes: string | undefined): void {
    details.prepare(childrenNs, attributes)
    limit = head // so that the next record comes by `write`
  }

  /**
   * The general form of `end`: any row, room or not. Never throws: near the end of the stack the calls below can.
   *
   * @param parent bits 0-19 function id, from 20 on depth, as in the record's two words
   */
  function write(
    functionId: number,
    parent: number,
    parentStart: number,
    flags: number,
    errorType: number,
    startNs: bigint,
    endNs: bigint,
  ): void {
    try {
      if (head === limit && !hasRoom()) {
        refuse(functionId, startNs, endNs)
        return
      }
      const at = (head & mask) << 2
      ring64[at] = startNs
      ring64[at + 1] = endNs
      const word = (at << 1) + 4
      ring32[word] = functionId | (parent & ~FUNCTION_ID_MASK)
      ring32[word + 1] = (parent & FUNCTION_ID_MASK) | flags | publishDetails()
      ring32[word + 2] = errorType
      ring32[word + 3] = parentStart
      head = (head + 1) | 0
      Atomics.store(control, headIndex, head)
      if (mode === 'write-through') {
        hooks.pressure()
        limit = head
      }
    } catch {
      details.discard() // or the next record would have them
      refused()
    }
  }

  function refuse(functionId: number, startNs: bigint, endNs: bigint): void {
    details.discard()
    refused()
    hooks.refused(functionId & FUNCTION_ID_MASK, Number(endNs - startNs), functionId < 0)
  }

  function refused(): void {
    if (slot === undefined) Atomics.add(control, SLOTLESS_DROPPED, 1)
    else {
      count(droppedIndex)
      const closed = mode === 'refuse' || Atomics.load(control, WRITER) === WRITER_CLOSED
      if (closed) count(refusedClosedCounter(slot))
      else if (isFailing()) count(refusedFailingCounter(slot))
    }
  }

  /** A thread without a ring has no place in shared memory for what it lost. */
  function countLost(): void {
    if (slot !== undefined) return
    Atomics.add(control, SLOTLESS_DROPPED, stack.lost[0]!)
    stack.lost[0] = 0
  }

  function isFailing(): boolean {
    return (
      Atomics.load(control, WRITER) === WRITER_FAILED || Atomics.load(control, FAILED_DRAINS) > 0
    )
  }

  function count(counter: number): void {
    counters[counter] = counters[counter]! + 1
  }

  function publishDetails(): number {
    return details.isPrepared && details.publish(head) ? DETAILED_BIT : 0
  }

  /** The limit was reached, or only an annotation has moved it here. */
  function hasRoom(): boolean {
    if (((granted - head) | 0) <= 0) return makeRoom()
    limit = granted
    return true
  }

  /** @returns whether the next record may be written; then `limit` lies ahead of `head` */
  function makeRoom(): boolean {
    countLost()
    if (mode === 'refuse' || Atomics.load(control, WRITER) === WRITER_CLOSED) return false
    if (announcing) {
      announcing = false
      hooks.announced?.()
    }
    if (pendingRows() >= quarter) hooks.pressure()
    const pending = pendingRows() < capacity ? pendingRows() : waitForRoom()
    if (pending >= capacity) return false
    probeClock()
    // in write-through mode the limit stays at the head, so that every row comes by here
    granted = (head + (mode === 'queue' ? Math.min(capacity - pending, quarter) : 0)) | 0
    limit = granted
    return true
  }

  function pendingRows(): number {
    return (head - Atomics.load(control, tailIndex)) | 0
  }

  /** Waits if the policy is to block, for as long as rows are being stored. @returns rows that are still in the ring */
  function waitForRoom(): number {
    let tail = Atomics.load(control, tailIndex)
    let rounds = 0
    while (pendingRows() >= capacity && tail !== stalledTail && hooks.mayWait()) {
      hooks.pressure()
      Atomics.wait(control, tailIndex, tail, WAIT_ROUND_MS)
      const moved = Atomics.load(control, tailIndex)
      if (moved === tail) rounds++
      else rounds = 0
      // nobody stores anything: the background thread may be dead, which this thread cannot learn while it waits
      if (rounds >= MOST_IDLE_ROUNDS) stalledTail = tail
      tail = moved
    }
    return pendingRows()
  }

  /** What reading the clock costs just now: what a call costs is that, twice, and little else. */
  function probeClock(): void {
    if (probes++ === 0) return // cold caches
    let leastNs = Infinity
    for (let attempt = 0; attempt < PROBES; attempt++) {
      const startNs = now()
      for (let read = 2; read < PROBE_READS; read++) now()
      leastNs = Math.min(leastNs, Number(now() - startNs) / (PROBE_READS - 1))
    }
    counters[clockReadCounter(slot ?? 0)] = leastNs
  }

  /** At the end of the stack it fails; the event loop's next turn starts what has not been started. */
  function start(): void {
    try {
      hooks.start()
    } catch {
      // nothing of it may reach the application
    }
  }

  /** First call of the thread, or a recursion deeper than any before. */
  function deepen(level: number): void {
    if (levelLimit === 0) start()
    if (level >= starts.length) {
      const deeper = createTimes(starts.length * 2, clockOrigin)
      deeper.set(starts)
      starts = deeper
      startWords = new Uint32Array(deeper.buffer)
      const more = new Uint32Array(deeper.length)
      more.set(callers)
      callers = more
    }
    levelLimit = starts.length
  }

  function addPlaces(): void {
    const count = freePlaces.length === 0 ? INITIAL_IN_FLIGHT : freePlaces.length * 2
    const first = freePlaces.length
    const times = createTimes(count, clockOrigin)
    times.set(inFlight)
    inFlight = times
    inFlightParents = grown(inFlightParents, count)
    inFlightParentStarts = grown(inFlightParentStarts, count)
    freePlaces = new Int32Array(count)
    for (let place = first; place < count; place++) freePlaces[freeCount++] = place
  }

  return {
    stack,
    begin,
    end,
    fail,
    park,
    hold,
    resume,
    leave,
    endAsync,
    failAsync,
    time: () => now(),
    finish,
    annotate,
    adopt,
    current: () => callers[stack.top]!,
    record,
    writeThrough() {
      if (mode === 'queue') mode = 'write-through'
      limit = granted = head
    },
    announceNext() {
      announcing = true
      limit = granted = head
    },
    refuseAll() {
      mode = 'refuse'
      limit = granted = head
    },
  }
}

function grown(values: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(length)
  longer.set(values)
  return longer
}

/**
 * Claims a ring for the calling thread.
 *
 * @param owner thread id + 1
 * @returns undefined if all are taken
 */
export function claimSlot(memory: SharedMemory, owner: number): number | undefined {
  const control = new Int32Array(memory.control)
  const slot = memory.rings.findIndex(
    (_, candidate) => Atomics.compareExchange(control, claimedWord(candidate), 0, owner) === 0,
  )
  return slot < 0 ? undefined : slot
}

/** Frees the ring of a thread that is known to be dead; its rows are stored all the same. */
export function releaseSlotOfDead(memory: SharedMemory, deadOwner: number): void {
  const control = new Int32Array(memory.control)
  memory.rings.forEach((_, slot) => {
    Atomics.compareExchange(control, claimedWord(slot), deadOwner, 0)
  })
}
