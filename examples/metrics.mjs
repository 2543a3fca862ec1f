// What every captured function has done since the process began, from memory: for a health check, a log line
// at exit, or a test that holds a function to its budget.
import assert from 'node:assert/strict'
import { createHash, pbkdf2Sync } from 'node:crypto'
import { capture, getMetrics, metrics } from 'kronicler'

const digest = capture('digest', (text) => createHash('sha256').update(text).digest('hex'))
const derive = capture('derive', (text) => pbkdf2Sync(text, 'salt', 1000, 32, 'sha256'))

for (let i = 0; i < 5000; i++) digest(`message ${i}`)
for (let i = 0; i < 50; i++) derive(`password ${i}`)

for (const [name, { calls, meanNs, standardErrorNs, p50Ns, p99Ns }] of metrics()) {
  const [mean, error, p50, p99] = [meanNs, standardErrorNs, p50Ns, p99Ns].map((ns) =>
    (ns / 1000).toFixed(1),
  )
  console.log(`${name}: ${calls} calls, mean ${mean} ± ${error} µs, p50 ${p50} µs, p99 ${p99} µs`)
}

assert.equal(getMetrics('digest').calls, 5000)
assert.ok(getMetrics('derive').p50Ns > getMetrics('digest').p50Ns)
assert.equal(getMetrics('never called'), undefined)
