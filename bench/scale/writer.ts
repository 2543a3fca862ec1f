/**
 * @module bench/scale/writer
 * A process that writes a database as fast as it can, then merges its segments, and sends how much memory each has added
 * to its own. The rows are made before and repeated, so that making them adds nothing.
 */
import { dataSet } from '../datasets.ts'
import { kroniclerStore } from '../stores/kronicler.ts'
import type { StoreWriter } from '../stores/store.ts'
import { repeatedBatches } from './repeated-batches.ts'
import type { WriterMemory } from './writer-memory.ts'

const PART_ROWS = 2 ** 20
const SAMPLE_MS = 5

const [, , folder = '', name = '', rows = ''] = process.argv
const set = dataSet(name)
const batches = repeatedBatches(set, PART_ROWS + Number(rows), {
  maxDistinctRows: 0,
  partRows: PART_ROWS,
})

let beforeBytes = 0
let mostBytes = 0
const sample = (): void => {
  mostBytes = Math.max(mostBytes, process.memoryUsage.rss() - beforeBytes)
}

let made = 0
let writer: StoreWriter | undefined
for (const batch of batches) {
  made += batch.count
  if (made <= PART_ROWS) continue // from now on they are repeated
  writer ??= await begin()
  await writer.append(batch)
  sample()
}
await writer!.finish()
sample()
const writeBytes = mostBytes

globalThis.gc?.()
mostBytes = 0
const timer = setInterval(sample, SAMPLE_MS)
await kroniclerStore.prepare!(folder)
clearInterval(timer)
sample()
process.send!({
  'writer-memory': writeBytes,
  'merge-memory': mostBytes,
} satisfies WriterMemory)
process.disconnect()

async function begin(): Promise<StoreWriter> {
  globalThis.gc?.()
  beforeBytes = process.memoryUsage.rss()
  return kroniclerStore.create(folder, set)
}
