import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { nodeFiles } from '../../../src/database/file.ts'
import { currentIdentity } from '../../../src/database/writer-identity.ts'
import { sqliteOutput } from '../../../src/internal/output-options.ts'
import type { Cutter } from '../../../src/outputs/cutter.ts'
import { OutputWorker } from '../../../src/outputs/output-worker.ts'
import { outputKey } from '../../../src/outputs/output-key.ts'
import type { Batch, Minute, OutputStore } from '../../../src/outputs/output.ts'
import type { OutputHealth } from '../../../src/types.ts'
import { appendBatch, spoolPath, spoolPaths } from '../../../src/outputs/spool.ts'
import { batchOf, differenceOf, durationsOf } from '../../contract/output.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const DEAD_PID = 2 ** 22 + 1 // beyond what the system gives

/** @param options `realTime`: batches are of now; `fails`: failures are kept, not thrown */
function setUp({ intervalMs = 10_000, realTime = false, fails = false } = {}) {
  const directory = temporaryDirectory()
  const descriptor = sqliteOutput(join(directory, 'never.db'), { intervalMs })
  const identity = currentIdentity(nodeFiles)
  const owner = (writer: string, pid = process.pid) => ({
    identity: { ...identity, pid },
    writer,
    process: writer,
    output: outputKey(descriptor),
  })
  const batch = (writer: string, sequence: number): Batch => ({
    ...batchOf(sequence, [differenceOf('f', durationsOf(5, sequence))]),
    ...(realTime ? { fromMs: Date.now(), toMs: Date.now() } : {}),
    writer,
  })
  const saved: string[] = []
  const minutes: string[] = []
  const store = new SlowStore(saved, minutes)
  const failures: string[] = []
  let health: OutputHealth | undefined
  let sequence = 0
  const cutter = {
    cut: (_owner: unknown, _options: unknown, take: (cut: Batch) => void) => {
      take(batch('own', ++sequence))
      return true
    },
    exclusively: (_timeoutMs: number, work: () => void) => {
      work()
      return true
    },
  } as unknown as Cutter
  const worker = new OutputWorker(
    { descriptor, owner: owner('own'), directory },
    {
      files: nodeFiles,
      cutter,
      open: () => Promise.resolve(store),
      onHealth: (told) => {
        health = told
      },
      onFailure: (error) => {
        if (!fails) throw error
        failures.push(error.message)
      },
    },
  )
  const leave = (writer: string, batches: number): void => {
    const dead = owner(writer, DEAD_PID)
    for (let n = 1; n <= batches; n++) {
      appendBatch(nodeFiles, spoolPath(directory, dead), dead, batch(writer, n))
    }
  }
  return {
    ...{ worker, saved, minutes, leave, store, directory, owner, batch, failures },
    health: () => health!,
    left: () => spoolPaths(nodeFiles, directory),
  }
}

/** Fails if it is asked for something while it still does something else, as a connection in a transaction would. */
class SlowStore implements OutputStore {
  readonly #saved: string[]
  readonly #minutes: string[]
  readonly tried: string[] = []
  failingMinutes = 0
  #busy = false

  constructor(saved: string[], minutes: string[]) {
    this.#saved = saved
    this.#minutes = minutes
  }

  async save({ writer, sequence }: Batch): Promise<void> {
    await this.#beBusy()
    this.#saved.push(`${writer} ${sequence}`)
  }

  async saveMinute({ writer, sequence }: Minute): Promise<void> {
    await this.#beBusy()
    this.tried.push(`${writer} ${sequence}`)
    if (this.failingMinutes-- > 0) throw new Error('as planned')
    this.#minutes.push(`${writer} ${sequence}`)
  }

  async #beBusy(): Promise<void> {
    if (this.#busy) throw new Error('a transaction within a transaction')
    this.#busy = true
    await sleep(5)
    this.#busy = false
  }

  async expire(): Promise<void> {
    // nothing is old
  }

  async close(): Promise<void> {
    if (this.#busy) throw new Error('closed within a transaction')
  }
}

test('what others have left is sent from the start on, and flush waits for the end of it; one batch at a time', async () => {
  const { worker, saved, minutes, leave, left } = setUp()
  leave('a', 4)
  leave('b', 3)
  worker.start()
  await sleep(8) // in the middle of it
  expect(await worker.flush()).toBe(true)
  expect(saved).toHaveLength(8)
  expect(saved.filter((each) => each.startsWith('a'))).toEqual(['a 1', 'a 2', 'a 3', 'a 4'])
  expect(saved.filter((each) => each.startsWith('b'))).toEqual(['b 1', 'b 2', 'b 3'])
  expect(saved).toContain('own 1')
  expect(left()).toEqual([])
  expect(await worker.close()).toBe(true)
  expect(saved.at(-1)).toBe('own 2')
  expect(minutes).toEqual(saved)
})

test('a minute is saved once, when it is over: until then its batches stay on the disk', async () => {
  const { worker, saved, minutes, left } = setUp({ intervalMs: 100, realTime: true })
  worker.start()
  await until(() => saved.length >= 3)
  expect(minutes.length).toBeLessThan(saved.length)
  expect(left()).toHaveLength(1)
  expect(await worker.close()).toBe(true)
  expect(minutes.at(-1)).toBe(saved.at(-1))
  expect(left()).toEqual([])
})

test('what is tried again is the same minute; batches that came meanwhile are in the next', async () => {
  const { worker, minutes, store, health } = setUp({ intervalMs: 100, realTime: true, fails: true })
  store.failingMinutes = 1
  expect(await worker.flush()).toBe(false)
  expect(health().waiting).toBe(0) // in the totals it is
  expect(await worker.flush()).toBe(true)
  expect(minutes).toEqual(['own 1', 'own 2'])
  expect(store.tried).toEqual(['own 1', 'own 1', 'own 2'])
  await worker.close()
})

test('what the exiting thread has just written stays', async () => {
  const { worker, directory, owner, batch, left } = setUp({ realTime: true })
  expect(await worker.flush()).toBe(true)
  expect(left()).toEqual([])
  const path = spoolPath(directory, owner('own'))
  appendBatch(nodeFiles, path, owner('own'), batch('own', 99))
  expect(await worker.flush()).toBe(true)
  expect(left()).toEqual([path])
})

test('a file that is no spool is told of once, and stays', async () => {
  const { worker, directory, owner, leave, left, failures, saved } = setUp({ fails: true })
  leave('a', 1)
  const torn = spoolPath(directory, owner('torn'))
  writeFileSync(torn, 'KRSP')
  const young = setUp({ fails: true })
  young.leave('a', 1)
  writeFileSync(spoolPath(young.directory, young.owner('young')), 'KRSP') // its header may be about to be written
  utimesSync(torn, 0, 0)
  worker.start()
  young.worker.start()
  await until(() => saved.length === 1 && young.saved.length === 1)
  await worker.close()
  await young.worker.close()
  expect(failures).toHaveLength(1)
  expect(left()).toEqual([torn])
  expect(young.failures).toEqual([])
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}
