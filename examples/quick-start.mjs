// Captures a function that is slow now and then, and asks what its calls look like.
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { capture, getMetrics } from 'kronicler'

const pack = capture(function pack(text) {
  return gzipSync(text)
})

for (let i = 1; i <= 1000; i++) pack('all work and no play '.repeat(i % 100 ? 10 : 50_000))

const { calls, p50Ns, maxNs } = getMetrics('pack')
console.log(`${calls} calls, the slowest takes ${Math.round(maxNs / p50Ns)} times the median`)

assert.equal(calls, 1000)
assert.ok(maxNs > 10 * p50Ns)
