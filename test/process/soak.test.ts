import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bytesPerCall } from '../../bench/soak/growth.ts'
import { runSoak } from '../../bench/soak/run.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/**
 * The short form of `npm run bench -- soak`: long enough for 16 segments and several collections of the background thread,
 * too short for the resident memory to have come to rest. A record is 32 bytes: whoever keeps half of it is found out.
 */
test('four million calls of every kind: memory does not grow with them, and every count is right', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const samples = await runSoak({ calls: 4e6, samples: 40, directory, captured: true })
  expect(bytesPerCall(samples, 'heapUsed')).toBeLessThan(0.5)
  expect(bytesPerCall(samples, 'rss')).toBeLessThan(16)
  // buffers are made once: the queue, the metrics and the names
  const buffers = new Set(
    samples.slice(4).map(({ arrayBuffers }) => Math.round(arrayBuffers / 1e5)),
  )
  expect(buffers.size).toBe(1)
}, 180_000)
