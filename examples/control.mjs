// What is recorded can be changed while a program runs: here from inside, by an operator with
// `kronicler control set 'cache.*' --off`.
import assert from 'node:assert/strict'
import { capture, control, flush, getMetrics, health } from 'kronicler'

const entries = new Map()
const read = capture('cache.read', (key) => entries.get(key))
const write = capture('cache.write', (key, value) => entries.set(key, value))

function work() {
  for (let i = 0; i < 1000; i++) if (read(i % 10) === undefined) write(i % 10, i)
}

work()
await flush() // what is still queued would go by the rules to come
control('cache.*', { enabled: false }) // as if they had never been captured
work()
control('cache.read', { enabled: true, slowerThan: '10s' }) // counted, and stored if something is very wrong
work()

for (const { function: pattern, ...settings } of control.rules()) console.log(pattern, settings)

await flush()
const { filtered, stored } = health()
console.log(`${stored} calls are stored, ${filtered} were left out on request`)

assert.equal(getMetrics('cache.read').calls, 2000)
assert.equal(getMetrics('cache.write').calls, 10)
assert.equal(stored, 1010)
assert.equal(filtered, 1000)

control.reset()
work()
assert.equal(getMetrics('cache.read').calls, 3000)
