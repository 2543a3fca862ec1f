import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { CustomOutputRunner } from '../../../src/outputs/custom-output.ts'
import { MetricsAccumulator } from '../../../src/metrics/accumulator.ts'
import type { CustomOutput, Metrics } from '../../../src/types.ts'

const metrics = (): [string, Metrics][] => [['f', new MetricsAccumulator().toMetrics()]]

function runner(output: Partial<CustomOutput> & Pick<CustomOutput, 'save'>) {
  const failures: string[] = []
  const settings = { name: 'mine', intervalMs: 10, timeoutMs: 1000, ...output }
  const made = new CustomOutputRunner(settings, metrics, (message) => failures.push(message))
  return { made, failures }
}

test('is called again and again, and never twice at once', async () => {
  let running = 0
  let most = 0
  const { made } = runner({
    async save() {
      most = Math.max(most, ++running)
      await sleep(20)
      running--
    },
  })
  made.start()
  await Promise.all([sleep(200), made.flush(), made.flush()])
  expect(most).toBe(1)
  await made.close()
  expect(made.health.saved).toBeGreaterThan(3)
  const { saved } = made.health
  await sleep(60)
  expect(made.health).toMatchObject({ saved, state: 'closed' })
})

test.each([
  [
    'throws',
    () => {
      throw new Error('no')
    },
    /no/,
  ],
  ['rejects', () => Promise.reject(new Error('no')), /no/],
  [
    'throws no error',
    () => {
      throw 'text'
    },
    /text/,
  ],
  ['never ends', () => new Promise(() => undefined), /longer than 30 ms/],
])('one that %s is counted and told of, and that is all', async (_, save, reason) => {
  const { made, failures } = runner({ save, timeoutMs: 30 })
  expect(await made.flush()).toBe(false)
  expect(made.health).toMatchObject({
    state: 'failing',
    failures: 1,
    lastError: expect.stringMatching(reason),
  })
  expect(failures).toHaveLength(1)
})

test('its signal is aborted when the time is up', async () => {
  let signal: AbortSignal | undefined
  const { made } = runner({
    timeoutMs: 20,
    save: (_, context) => {
      signal = context.signal
      return new Promise(() => undefined)
    },
  })
  await made.flush()
  expect(signal!.aborted).toBe(true)
})
