// The duration of an async function lasts until its promise settles. What it throws or rejects with reaches
// the caller unchanged; the class of the error is recorded.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { capture, close, getMetrics } from 'kronicler'
import { openDatabase } from 'kronicler/database'

const countLines = capture('countLines', async (path) => {
  const text = await readFile(path, 'utf8')
  return text.split('\n').length
})
const parse = capture('parse', (text) => JSON.parse(text))

const lines = await countLines(fileURLToPath(import.meta.url))
await assert.rejects(countLines('/no/such/file'), { code: 'ENOENT' })
assert.deepEqual(parse('[1, 2]'), [1, 2])
assert.throws(() => parse('[1, 2'), SyntaxError)
console.log(`This file has ${lines} lines`)

for (const name of ['countLines', 'parse']) {
  const { calls, errors } = getMetrics(name)
  assert.equal(calls, 2)
  assert.equal(errors, 1)
  console.log(`${name}: ${calls} calls, ${errors} error`)
}

await close()
const database = await openDatabase('.kronicler')
const rows = await database.tail(4)
for (const { function: name, durationNs, error } of rows) {
  console.log(`${name}: ${(durationNs / 1000).toFixed(1)} µs${error ? `, ${error}` : ''}`)
}
assert.deepEqual(rows.map(({ error }) => error).sort(), [
  'Error',
  'SyntaxError',
  undefined,
  undefined,
])
await database.close()
