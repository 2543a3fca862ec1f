// Saves every function's calls, average time and errors to an SQLite database and by a function of your own, in the background.
import assert from 'node:assert/strict'
import { capture, close, configure, flush, health } from 'kronicler'
import { sqlite } from 'kronicler/sqlite'

const saved = []
configure({
  outputs: [sqlite('metrics.db'), async (metrics) => saved.push(metrics.get('parse').calls)],
})

const parse = capture('parse', JSON.parse)
for (let i = 0; i < 100; i++) parse(`[${i}]`)
assert.throws(() => parse('['))

assert.equal(await flush(), true) // at once, rather than ten seconds from now
for (const { name, state } of health().outputs) console.log(`${name}: ${state}`)
await close()
assert.deepEqual(saved, [101, 101])
