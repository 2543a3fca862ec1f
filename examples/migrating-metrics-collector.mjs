// What Python's metrics-collector does, row by row of docs/migrating.md.
import assert from 'node:assert/strict'
import { capture, close, configure, flush, getMetrics, metrics } from 'kronicler'
import { sqlite } from 'kronicler/sqlite'

// start saving, in the background; and by a function of your own
const own = []
configure({
  outputs: [
    sqlite('metrics.db', { intervalMs: 1000 }),
    { name: 'own', intervalMs: 1000, save: (all) => own.push([...all.keys()]) },
  ],
})

// decorate
const add = capture(function add(a, b) {
  return a + b
})
for (let i = 0; i < 10; i++) add(i, 1)

// read metrics
assert.equal(getMetrics('add').calls, 10)
assert.equal(getMetrics('add').errors, 0)
assert.ok(getMetrics('add').meanNs > 0)
assert.deepEqual(
  [...metrics()].map(([name]) => name),
  ['add'],
)

// queue a save
assert.equal(await flush(), true)
assert.deepEqual(own, [['add']])
await close()
console.log(`add: ${getMetrics('add').calls} calls`)
