import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sqliteOutput } from '../../../src/internal/output-options.ts'
import { CONTROL_BYTES } from '../../../src/outputs/cutter.ts'
import { DriverGuard } from '../../../src/outputs/driver-guard.ts'
import { openStore } from '../../../src/outputs/open-store.ts'
import { batchOf, differenceOf } from '../../contract/output.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test('what is being saved when the thread is to stop is rolled back, and nothing is begun any more', async () => {
  const guard = new DriverGuard(new SharedArrayBuffer(CONTROL_BYTES))
  const output = sqliteOutput(join(temporaryDirectory(), 'metrics.db'))
  const store = await openStore(output, guard)
  await store.save(batchOf(1, [differenceOf('f', [1000])]))
  const stopping = differenceOf('g', [1000])
  Object.defineProperty(stopping, 'name', {
    get() {
      guard.stop(0)
      return 'g'
    },
  })
  const batch = batchOf(2, [stopping, differenceOf('h', [1000])])
  await expect(store.save(batch)).rejects.toMatchObject({ code: 'KRONICLER_OUTPUT' })
  await expect(store.close()).rejects.toMatchObject({ code: 'KRONICLER_OUTPUT' })
  await expect(openStore(output, guard)).rejects.toMatchObject({ code: 'KRONICLER_OUTPUT' })
  const again = await openStore(output)
  await again.save(batchOf(2, [differenceOf('f', [1000])])) // the batch was not taken
  await again.close()
})

test('whoever stops it waits until the driver is left, and not for ever', () => {
  const guard = new DriverGuard(new SharedArrayBuffer(CONTROL_BYTES))
  guard.run(() => {
    const startMs = Date.now()
    guard.stop(50)
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(49)
  })
  const startMs = Date.now()
  guard.stop(5000)
  expect(Date.now() - startMs).toBeLessThan(1000)
})
