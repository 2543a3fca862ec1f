// Asks the database about calls that this program has just made. Any other process can ask the same way,
// also while the program is running.
import assert from 'node:assert/strict'
import { capture, flush } from 'kronicler'
import { openDatabase } from 'kronicler/database'

const sort = capture('sort', (numbers) => Float64Array.from(numbers).sort())
const sum = capture('sum', (numbers) => numbers.reduce((total, n) => total + n, 0))

for (let i = 1; i <= 500; i++) {
  const numbers = Array.from({ length: i % 50 === 0 ? 100_000 : 100 }, Math.random)
  sort(numbers)
  sum(numbers)
}
await flush() // everything up to here is in the files now

const database = await openDatabase('.kronicler')
const from = '-1m' // a minute ago; a Date, milliseconds or ISO 8601 will do as well

const sorts = await database.stats({ function: 'sort', from, quantiles: [0.5, 0.99] })
for (const { quantile, durationNs } of sorts.quantiles) {
  console.log(`sort: quantile ${quantile} is ${(durationNs / 1000).toFixed(1)} µs`)
}
console.log(`sort: ${sorts.slow.calls} of ${sorts.calls} calls take more than ten times the median`)
assert.ok(sorts.calls >= 500)
assert.ok(sorts.slow.calls >= 10)

const slowest = await database.slowest({ function: 'sort', from, limit: 3 })
for (const { startMs, durationNs } of slowest) {
  console.log(`${new Date(startMs).toISOString()} ${(durationNs / 1e6).toFixed(2)} ms`)
}
assert.equal(slowest.length, 3)
assert.ok(slowest[0].durationNs >= slowest[1].durationNs)
assert.equal(slowest[0].durationNs, sorts.maxNs)

for (const { function: name, calls, errors, sumNs } of await database.functions({ from })) {
  console.log(`${name}: ${calls} calls, ${errors} errors, ${(sumNs / 1e6).toFixed(1)} ms in all`)
}
assert.ok((await database.functionNames()).includes('sum'))
await database.close()
