// What a program does with the metrics collector for Python, done here: docs/migrating.md has both side by side.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import { capture, close, configure, flush, getMetrics } from 'kronicler'
import { sqlite } from 'kronicler/sqlite'

// start_saving_thread(save_to_db), and one that saves elsewhere: start_saving_thread(my_save)
const saved = []
configure({
  outputs: [
    sqlite('metrics.db'),
    async (metrics) => {
      for (const [name, { calls, meanNs, errors }] of metrics) {
        saved.push({ name, calls, averageTime: meanNs / 1e9, errors })
      }
    },
  ],
})

// @metrics_collector
const example = capture(async function example(fails) {
  await sleep(20)
  if (fails) throw new RangeError('on purpose')
})

await example(false)
await example(false)
await example(true).catch(() => undefined)

// get_metrics('example')
const { calls, meanNs, errors } = getMetrics('example')
console.log({
  Function: 'example',
  'Number of calls': calls,
  'Average execution time': meanNs / 1e9,
  'Number of errors': errors,
})
assert.equal(calls, 3)
assert.equal(errors, 1)

// queue_metrics_for_saving('example'): saved every ten seconds anyway, at once if you wait for it
assert.ok(await flush())
assert.deepEqual(saved, [{ name: 'example', calls, averageTime: meanNs / 1e9, errors }])

// metrics.db, for any program that reads SQLite
const database = new Database('metrics.db', { readonly: true })
const [row] = database
  .prepare('SELECT function_name, calls, average_time, errors FROM metrics')
  .all()
console.log(row)
assert.equal(row.function_name, 'example')
assert.equal(row.calls, calls)
assert.ok(Math.abs(row.average_time - meanNs / 1e9) < 1e-9)
assert.equal(row.errors, errors)
database.close()
await close()
