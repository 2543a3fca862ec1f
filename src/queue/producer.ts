/**
 * @module queue/producer
 * The part that runs inside every captured call: reads the clock, keeps the start times, writes the record.
 *
 * The clock is `process.hrtime.bigint()` stored at once into a BigUint64Array: the engine then keeps it a raw 64-bit
 * integer, so a read costs 26-29 ns and allocates nothing. A BigInt that is passed on, or kept in a closure, is boxed.
 * Hence start times stay in arrays and everything else is passed small integers: the depth on the stack for a
 * synchronous call, the number of an in-flight place for an asynchronous one.
 *
 * `limit` is the record number at which the slow path must be asked; everything below it has room. It moves forward by a
 * quarter of the ring at a time, so the tail (another thread's line) is read once in CAPACITY / 4 calls.
 */
import {
  ASYNC_BIT,
  claimedWord,
  droppedCounter,
  FAILED_BIT,
  headWord,
  RECORD_SIZE_BYTES,
  SLOTLESS_DROPPED,
  tailWord,
  WRITER,
  WRITER_CLOSED,
  type SharedMemory,
} from './layout.ts'

const INITIAL_DEPTH = 256
const INITIAL_IN_FLIGHT = 256
/** Waiting for room gives up after a second without a row stored. */
const WAIT_ROUND_MS = 10
const MOST_IDLE_ROUNDS = 100
/** Taken at load: a test's fake clock, installed later, would stop it. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- needs no receiver
const now = process.hrtime.bigint

/** What the slow paths need from the rest of the system. None of them may throw. */
export interface ProducerHooks {
  /** Before the first call of this thread is timed. */
  start(): void
  /** Rows wait: the ring is filling up, or the thread writes through. */
  pressure(): void
  /** Whether to wait for room in a full ring: the overflow policy is to block, and a drain can be expected. */
  mayWait(): boolean
  /** The ring is full and the row is refused: it counts, but it is not stored. */
  refused(functionId: number, durationNs: number, failed: boolean): void
}

export interface Producer {
  /** Starts timing. @returns the call's depth, for the matching end */
  begin: () => number
  /** Ends the call begun at `depth`. */
  end: (functionId: number, depth: number) => void
  /** Ends a call that threw. `errorType` is an id of the name log. */
  fail: (functionId: number, depth: number, errorType: number) => void
  /** The call begun at `depth` goes on asynchronously. @returns its in-flight place */
  park: (depth: number) => number
  /** The same, but what is called until `leave` counts as called by it. */
  hold: (depth: number) => number
  /** The stack is back at `depth`. */
  leave: (depth: number) => void
  endAsync: (functionId: number, place: number) => void
  failAsync: (functionId: number, place: number, errorType: number) => void
  /** A call that ends now and was timed by somebody else. `errorType` 0: it did not fail */
  record: (functionId: number, durationNs: number, errorType: number) => void
  /** From now on every row is announced by `pressure` as soon as it is written: for calls made while the process ends. */
  writeThrough: () => void
  /** From now on every row is refused. */
  refuseAll: () => void
}

/** A producer that accepts nothing, for a thread that found no free slot: `slot` is then undefined. */
export function createProducer(
  memory: SharedMemory,
  slot: number | undefined,
  hooks: ProducerHooks,
): Producer {
  const ring = memory.rings[slot ?? 0]!
  const ring64 = new BigUint64Array(ring)
  const ring32 = new Uint32Array(ring)
  const control = new Int32Array(memory.control)
  const counters = new Float64Array(memory.counters)
  const capacity = ring.byteLength / RECORD_SIZE_BYTES
  const mask = capacity - 1
  const quarter = capacity >> 2
  const headIndex = headWord(slot ?? 0)
  const tailIndex = tailWord(slot ?? 0)
  const droppedIndex = droppedCounter(slot ?? 0)
  /** On x86 stores become visible in the order in which they were made, so a plain store publishes the record. */
  const storesInOrder = process.arch === 'x64' || process.arch === 'ia32'

  let starts = new BigUint64Array(INITIAL_DEPTH)
  let depth = 0
  let depthLimit = 0 // 0: not started
  let inFlight = new BigUint64Array(INITIAL_IN_FLIGHT)
  let freePlaces = new Int32Array(0)
  let freeCount = 0
  let head = slot === undefined ? 0 : Atomics.load(control, headIndex)
  let limit = head
  let mode: 'queue' | 'write-through' | 'refuse' = slot === undefined ? 'refuse' : 'queue'
  let stalledTail: number | undefined // the tail that did not move for as long as anybody would wait

  function begin(): number {
    const d = depth
    if (d >= depthLimit) deepen(d)
    depth = d + 1
    starts[d] = now()
    return d
  }

  function end(functionId: number, d: number): void {
    const i = head
    if (i === limit) {
      write(functionId, d, 0, starts[d]!, now())
      depth = d
      return
    }
    const at = (i & mask) << 2
    ring64[at] = starts[d]!
    ring64[at + 1] = now()
    const word = (at << 1) + 4
    ring32[word] = functionId
    ring32[word + 1] = d
    head = (i + 1) | 0
    if (storesInOrder) control[headIndex] = head
    else Atomics.store(control, headIndex, head)
    depth = d
  }

  function fail(functionId: number, d: number, errorType: number): void {
    write(functionId | FAILED_BIT, d, errorType, starts[d]!, now())
    depth = d
  }

  function park(d: number): number {
    const place = hold(d)
    depth = d
    return place
  }

  function hold(d: number): number {
    if (freeCount === 0) addPlaces()
    const place = freePlaces[--freeCount]!
    inFlight[place] = starts[d]!
    return place
  }

  function leave(d: number): void {
    depth = d
  }

  function endAsync(functionId: number, place: number): void {
    freePlaces[freeCount++] = place
    const i = head
    if (i === limit) {
      write(functionId, ASYNC_BIT, 0, inFlight[place]!, now())
      return
    }
    const at = (i & mask) << 2
    ring64[at] = inFlight[place]!
    ring64[at + 1] = now()
    const word = (at << 1) + 4
    ring32[word] = functionId
    ring32[word + 1] = ASYNC_BIT
    head = (i + 1) | 0
    if (storesInOrder) control[headIndex] = head
    else Atomics.store(control, headIndex, head)
  }

  function failAsync(functionId: number, place: number, errorType: number): void {
    freePlaces[freeCount++] = place
    write(functionId | FAILED_BIT, ASYNC_BIT, errorType, inFlight[place]!, now())
  }

  function record(functionId: number, durationNs: number, errorType: number): void {
    if (depthLimit === 0) deepen(0)
    const endNs = now()
    const failed = errorType === 0 ? 0 : FAILED_BIT
    const startNs = endNs - BigInt(durationNs)
    write(functionId | failed, depth, errorType, startNs < 0n ? 0n : startNs, endNs)
  }

  /** The general form of `end`: any row, room or not. */
  function write(
    functionId: number,
    depthAndFlags: number,
    errorType: number,
    startNs: bigint,
    endNs: bigint,
  ): void {
    if (head === limit && !makeRoom()) {
      if (slot === undefined) Atomics.add(control, SLOTLESS_DROPPED, 1)
      else counters[droppedIndex] = counters[droppedIndex]! + 1
      hooks.refused(functionId & ~FAILED_BIT, Number(endNs - startNs), functionId < 0)
      return
    }
    const at = (head & mask) << 2
    ring64[at] = startNs
    ring64[at + 1] = endNs
    const word = (at << 1) + 4
    ring32[word] = functionId
    ring32[word + 1] = depthAndFlags
    ring32[word + 2] = errorType
    head = (head + 1) | 0
    Atomics.store(control, headIndex, head)
    if (mode === 'write-through') {
      hooks.pressure()
      limit = head
    }
  }

  /** @returns whether the next record may be written; then `limit` lies ahead of `head` */
  function makeRoom(): boolean {
    if (mode === 'refuse' || Atomics.load(control, WRITER) === WRITER_CLOSED) return false
    if (pendingRows() >= quarter) hooks.pressure()
    const pending = pendingRows() < capacity ? pendingRows() : waitForRoom()
    if (pending >= capacity) return false
    // in write-through mode the limit stays at the head, so that every row comes by here
    limit = (head + (mode === 'queue' ? Math.min(capacity - pending, quarter) : 0)) | 0
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

  /** First call of the thread, or a recursion deeper than any before. */
  function deepen(d: number): void {
    if (depthLimit === 0) hooks.start()
    if (d >= starts.length) {
      const deeper = new BigUint64Array(starts.length * 2)
      deeper.set(starts)
      starts = deeper
    }
    depthLimit = starts.length
  }

  function addPlaces(): void {
    const count = freePlaces.length === 0 ? INITIAL_IN_FLIGHT : freePlaces.length * 2
    const larger = new BigUint64Array(count)
    larger.set(inFlight)
    const first = freePlaces.length
    freePlaces = new Int32Array(count)
    inFlight = larger
    for (let place = first; place < count; place++) freePlaces[freeCount++] = place
  }

  return {
    begin,
    end,
    fail,
    park,
    hold,
    leave,
    endAsync,
    failAsync,
    record,
    writeThrough() {
      if (mode === 'queue') mode = 'write-through'
      limit = head
    },
    refuseAll() {
      mode = 'refuse'
      limit = head
    },
  }
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
