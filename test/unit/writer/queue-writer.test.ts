import { describe, expect, test } from 'vitest'
import { LiveMetrics } from '../../../src/capture/live-metrics.ts'
import { slabSizeBytes } from '../../../src/metrics/slab.ts'
import { openDatabase } from '../../../src/query/open-database.ts'
import { CALL_TREE_BYTES } from '../../../src/queue/call-tree.ts'
import { controlsSizeBytes } from '../../../src/queue/controls.ts'
import {
  createSharedMemory,
  FOLD_SEQUENCE,
  headWord,
  LOCK,
  storedCounter,
  tailWord,
} from '../../../src/queue/layout.ts'
import { releaseDead } from '../../../src/queue/lock.ts'
import { NAME_FUNCTION, NameLog } from '../../../src/queue/name-log.ts'
import { createProducer } from '../../../src/queue/producer.ts'
import { nameLimits, QueueWriter } from '../../../src/writer/queue-writer.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const FUNCTIONS = 10
const IDS = FUNCTIONS + 2

function setUp() {
  const memory = createSharedMemory(
    1024,
    {
      names: 1 << 16,
      slab: slabSizeBytes(IDS),
      controls: controlsSizeBytes(IDS),
      rules: 1024,
      callTree: CALL_TREE_BYTES,
    },
    undefined,
  )
  const setup = {
    memory,
    directory: temporaryDirectory(),
    sync: 'never',
    segmentRows: 262_144,
    intervalMs: 50,
    maxFunctions: FUNCTIONS,
  } as const
  const id = new NameLog(memory.names, nameLimits(FUNCTIONS), 0).idOf(NAME_FUNCTION, 'work')
  const { begin, end } = createProducer(memory, 0, {
    start: () => undefined,
    pressure: () => undefined,
    mayWait: () => false,
    refused: () => undefined,
  })
  const call = (times: number): void => {
    for (let i = 0; i < times; i++) end(id, begin(id))
  }
  const metrics = new LiveMetrics(memory, IDS, 0)
  return {
    control: new Int32Array(memory.control),
    counters: new Float64Array(memory.counters),
    folded: new Uint8Array(memory.folded),
    directory: setup.directory,
    call,
    calls: () => metrics.read(id)?.calls,
    writer: (threadId: number) => new QueueWriter(setup, threadId),
  }
}

async function storedIn(directory: string): Promise<number> {
  const database = await openDatabase(directory)
  const count = await database.count()
  await database.close()
  return count
}

describe('a thread that dies with the lock', () => {
  test('after it has written a batch: its rows are stored once, and counted once', async () => {
    const { call, calls, control, counters, directory, writer } = setUp()
    const dying = writer(1)
    call(100)
    dying.drain(0)
    call(50)
    dying.drain(0)
    // dead before it has moved the tail past the second batch, all of which is in the metrics
    control[tailWord(0)] = 100
    counters[storedCounter(0)] = 100
    control[LOCK] = 2
    control[FOLD_SEQUENCE] = control[FOLD_SEQUENCE]! | 1
    call(7)
    const survivor = writer(0)
    expect(survivor.drain(0)).toBeUndefined() // the lock is held
    expect(calls()).toBe(157) // nothing twice in the meantime either
    releaseDead(control, LOCK, FOLD_SEQUENCE, 2)
    expect(survivor.drain(0)).toBe(57)
    expect(Atomics.load(control, FOLD_SEQUENCE) & 1).toBe(0)
    expect(calls()).toBe(157)
    expect(await storedIn(directory)).toBe(157)
  })

  test('and is not known to be dead: who seizes the lock goes on in a log of its own', async () => {
    const { call, calls, control, directory, writer } = setUp()
    writer(1).drain(0)
    call(100)
    writer(1).drain(0)
    control[LOCK] = 2
    call(50)
    const survivor = writer(0)
    survivor.seize()
    expect(survivor.drain(0)).toBe(50)
    expect(survivor.directory!.walSequence).toBe(1)
    expect(calls()).toBe(150)
    expect(await storedIn(directory)).toBe(150)
  })
})

test('what is discarded leaves the ring and stays in the metrics', () => {
  const { call, calls, control, writer } = setUp()
  call(300)
  const closed = writer(0)
  closed.discard(0)
  expect(control[tailWord(0)]).toBe(control[headWord(0)])
  expect(closed.dropped).toBe(300)
  expect(calls()).toBe(300)
})
