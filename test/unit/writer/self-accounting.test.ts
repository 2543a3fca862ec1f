import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { slabSizeBytes } from '../../../src/metrics/slab.ts'
import { openDatabase } from '../../../src/query/open-database.ts'
import { CALL_TREE_BYTES } from '../../../src/queue/call-tree.ts'
import { controlsSizeBytes } from '../../../src/queue/controls.ts'
import {
  createSharedMemory,
  FAILED_DRAINS,
  WRITER,
  WRITER_CLOSED,
} from '../../../src/queue/layout.ts'
import { createProducer } from '../../../src/queue/producer.ts'
import { measureSelfCost } from '../../../src/queue/self-cost.ts'
import { monotonicNs } from '../../../src/queue/time-source.ts'
import { QueueWriter } from '../../../src/writer/queue-writer.ts'
import { HEALTH_FUNCTION } from '../../../src/internal/health-function.ts'
import { SelfAccounting } from '../../../src/writer/self-accounting.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const IDS = 10
const CAPACITY = 1024

function setUp() {
  const memory = createSharedMemory(
    CAPACITY,
    {
      names: 1 << 16,
      slab: slabSizeBytes(IDS),
      controls: controlsSizeBytes(IDS),
      rules: 1024,
      callTree: CALL_TREE_BYTES,
    },
    undefined,
  )
  const hooks = {
    start: () => undefined,
    pressure: () => undefined,
    mayWait: () => false,
    refused: () => undefined,
  }
  const account = new SelfAccounting(memory, monotonicNs(undefined))
  const { begin, end } = createProducer(memory, 0, hooks)
  const call = (times: number): void => {
    for (let i = 0; i < times; i++) end(3, begin(3))
  }
  return { memory, account, call, hooks, control: new Int32Array(memory.control) }
}

describe('refused rows are counted by cause', () => {
  test('a full queue, a failing disk, the end of recording, threads without a queue', () => {
    const { memory, account, call, control, hooks } = setUp()
    call(CAPACITY + 5)
    Atomics.store(control, FAILED_DRAINS, 2)
    call(7)
    Atomics.store(control, FAILED_DRAINS, 0)
    call(1)
    Atomics.store(control, WRITER, WRITER_CLOSED)
    call(11)
    const late = createProducer(memory, undefined, hooks)
    late.end(3, late.begin(3))
    expect(account.read()).toMatchObject({
      queued: CAPACITY,
      dropped: 25,
      droppedBy: { queueFull: 6, failure: 7, closed: 11, noQueue: 1, unrecorded: 0 },
    })
  })
})

test('rows that wait are told, and for how long the oldest of them has', async () => {
  const { account, call } = setUp()
  expect(account.read()).toMatchObject({ queued: 0, lagMs: 0 })
  call(3)
  await new Promise((resolve) => setTimeout(resolve, 20))
  call(1)
  const { lagMs, queued } = account.read()
  expect(queued).toBe(4)
  expect(lagMs).toBeGreaterThanOrEqual(19)
})

test('what a call costs is told once it was measured', () => {
  const { account } = setUp()
  expect(account.read().recordNs).toBeNaN()
  const cost = measureSelfCost(undefined)
  expect(cost.recordNs).toBeGreaterThan(0)
  expect(cost.clockReadNs).toBeGreaterThan(0)
  account.setCost(cost)
  expect(account.read().recordNs).toBe(cost.recordNs)
})

test('its numbers become rows of their own, which only who asks for them sees', async () => {
  const { memory, account, call } = setUp()
  const directory = join(temporaryDirectory(), 'calls')
  const writer = new QueueWriter(
    { memory, directory, sync: 'never', segmentRows: 4096, intervalMs: 50, maxFunctions: IDS - 2 },
    0,
  )
  call(20)
  writer.drain(0)
  writer.writeOwnRow(0, account, { startMs: Date.now(), busyNs: 12_345 })
  // a background thread that was restarted goes on where the other stopped
  const successor = new QueueWriter(
    { memory, directory, sync: 'never', segmentRows: 4096, intervalMs: 50, maxFunctions: IDS - 2 },
    1,
  )
  successor.writeOwnRow(0, account, { startMs: Date.now(), busyNs: 54_321 })

  const database = await openDatabase(directory, { onFault: () => undefined })
  expect(await database.count()).toBe(20)
  expect(await database.functionNames()).not.toContain(HEALTH_FUNCTION)
  const rows = await database.slowest({ function: HEALTH_FUNCTION })
  expect(rows.map(({ durationNs }) => durationNs)).toEqual([54_321, 12_345])
  expect(rows[0]!.attributes).toMatchObject({ stored: 20, queued: 0, dropped: 0, queueFull: 0 })
  await database.close()
})
