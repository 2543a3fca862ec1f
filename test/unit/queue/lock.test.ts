import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { release, releaseDead, take } from '../../../src/queue/lock.ts'

const LOCK = 0
const SEQUENCE = 1
const DONE = 2

/** Holds the lock for a while, as a thread does that gets no processor. */
const SLOW_HOLDER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const words = new Int32Array(workerData)
  Atomics.store(words, ${LOCK}, 99)
  parentPort.postMessage('held')
  Atomics.wait(words, 3, 0, 400)
  Atomics.store(words, ${DONE}, 1)
  Atomics.store(words, ${LOCK}, 0)
  Atomics.notify(words, ${LOCK}, 1)
`

test('a holder that is slow is waited for', async () => {
  const memory = new SharedArrayBuffer(64)
  const words = new Int32Array(memory)
  const worker = new Worker(SLOW_HOLDER, { eval: true, workerData: memory })
  await once(worker, 'message')
  take(words, LOCK, 1)
  expect(words[DONE]).toBe(1)
  expect(words[LOCK]).toBe(1)
  release(words, LOCK)
  expect(words[LOCK]).toBe(0)
  await once(worker, 'exit')
})

test('a holder that is dead is not waited for for ever', () => {
  const words = new Int32Array(new SharedArrayBuffer(64))
  words[LOCK] = 99
  take(words, LOCK, 1)
  expect(words[LOCK]).toBe(1)
})

test('the lock of a thread that is known to be dead is freed, and its change ended', () => {
  const words = new Int32Array(new SharedArrayBuffer(64))
  words[LOCK] = 99
  words[SEQUENCE] = 7
  releaseDead(words, LOCK, SEQUENCE, 98)
  expect([...words.subarray(0, 2)]).toEqual([99, 7])
  releaseDead(words, LOCK, SEQUENCE, 99)
  expect([...words.subarray(0, 2)]).toEqual([0, 8])
})
