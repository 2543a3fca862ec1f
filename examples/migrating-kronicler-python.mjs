// What Kronicler for Python does, row by row of docs/migrating.md.
import assert from 'node:assert/strict'
import { createServer, get } from 'node:http'
import { capture, configure, database } from 'kronicler'

// Database
configure({ directory: 'calls' })

// capture
const load = capture('load', (id) => ({ id }))
for (let i = 0; i < 20; i++) load(i)

// middleware: there is none, capture the handler
const handle = capture(
  function request(_, response) {
    response.end('hello')
  },
  { attributes: ([{ url }]) => ({ path: url }) },
)
const server = createServer(handle).listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
await new Promise((resolve) => {
  get({ port: server.address().port, path: '/articles' }, (response) =>
    response.resume().on('end', resolve),
  )
})
server.close()

const calls = await database()
// logs
const rows = []
for await (const row of calls.calls({ where: { attributes: { path: '/articles' } } }))
  rows.push(row)
assert.deepEqual(
  rows.map((row) => row.function),
  ['request'],
)
// average
const { meanNs } = await calls.stats({ function: 'load' })
assert.ok(meanNs > 0)
console.log(`load takes ${(meanNs / 1000).toFixed(1)} µs on average`)
await calls.close()
