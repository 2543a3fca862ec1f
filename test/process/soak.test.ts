import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bytesPerCall } from '../../bench/soak/growth.ts'
import { runSoak } from '../../bench/soak/run.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/**
 * The short form of `npm run bench -- soak`. Small segments make a hundred of them, and a small young generation comes to
 * rest soon, where V8 would let it grow for ten million calls. What is left is the warming up: half of what a bound allows
 * that finds whoever keeps a quarter of a record, which is 32 bytes.
 */
test('four million calls of every kind: memory does not grow with them, and every count is right', async () => {
  const samples = await runSoak({
    calls: 4e6,
    samples: 40,
    directory: join(temporaryDirectory(), 'calls'),
    captured: true,
    segmentRows: 32_768,
    nodeArgs: ['--max-semi-space-size=1'],
  })
  expect(bytesPerCall(samples, 'heapUsed')).toBeLessThan(0.5)
  expect(bytesPerCall(samples, 'rss')).toBeLessThan(8)
  // buffers are made once: the queue, the metrics and the names
  const buffers = samples.slice(4).map(({ arrayBuffers }) => arrayBuffers)
  expect(Math.max(...buffers) - Math.min(...buffers)).toBeLessThan(100_000)
}, 180_000)
