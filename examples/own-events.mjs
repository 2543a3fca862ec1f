// The database by itself, without capture: durations that were measured elsewhere, here the build steps of a
// log, become rows to ask about.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseWriter, openDatabase } from 'kronicler/database'

const LOG = `
2024-03-01T09:00:00.000Z compile 41.2s
2024-03-01T09:00:41.200Z test 63.0s
2024-03-02T09:00:00.000Z compile 43.9s
2024-03-02T09:00:43.900Z test 611.7s TimeoutError
2024-03-03T09:00:00.000Z compile 40.4s
2024-03-03T09:00:40.400Z test 61.5s
`

const directory = mkdtempSync(join(tmpdir(), 'builds-'))
const writer = DatabaseWriter.open(directory)
for (const line of LOG.trim().split('\n')) {
  const [start, step, seconds, error] = line.split(' ')
  const durationNs = Math.round(parseFloat(seconds) * 1e9)
  writer.insert({ function: step, startMs: Date.parse(start), durationNs, error })
}
await writer.close()

const builds = await openDatabase(directory)
for (const { function: step, calls, errors, meanNs, maxNs } of await builds.functions()) {
  const [mean, max] = [meanNs, maxNs].map((ns) => (ns / 1e9).toFixed(1))
  console.log(`${step}: ${calls} runs, ${errors} failed, mean ${mean} s, longest ${max} s`)
}

const secondDay = { from: '2024-03-02', to: '2024-03-03' } // `from` is in the range, `to` is not
const [longest] = await builds.slowest({ ...secondDay, limit: 1 })
assert.equal(longest.function, 'test')
assert.equal(longest.durationNs, 611_700_000_000)
assert.equal(longest.error, 'TimeoutError')
assert.equal(await builds.count(secondDay), 2)
await builds.close()
rmSync(directory, { recursive: true })
