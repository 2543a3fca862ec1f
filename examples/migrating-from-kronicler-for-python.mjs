// What a program does with Kronicler for Python, done here: docs/migrating.md has both side by side.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { capture, flush, span } from 'kronicler'
import { openDatabase } from 'kronicler/database'

// @kronicler.capture
const foo = capture(function foo(n) {
  return n + 1
})

// KroniclerFunctionMiddleware: each handler under its own name
const root = capture(function root(request, response) {
  response.end(String(foo(1)))
})

// KroniclerEndpointMiddleware: each request under its path, until it is answered
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  const endpoint = span(pathname)
  response.once('close', () => endpoint.end())
  if (pathname === '/') root(request, response)
  else response.writeHead(404).end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address()
for (const path of ['/', '/', '/missing']) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  await response.text()
}
server.close()
server.closeAllConnections()
await once(server, 'close')

// Database(sync_consume=True): wait until everything is in the database
await flush()
const database = await openDatabase('.kronicler')

// DB.logs()
for await (const { function: name, startMs, durationNs } of database.calls()) {
  console.log(new Date(startMs).toISOString(), name, `${durationNs} ns`)
}

// DB.fetch(index)
const [last] = await database.tail(1)
assert.deepEqual(await database.fetch(last.id), last)

// DB.average('foo')
const averageNs = await database.average('foo')
console.log(`foo takes ${averageNs} ns on average`)
assert.ok(averageNs > 0)
assert.equal(await database.count({ function: 'root' }), 2)
assert.equal(await database.count({ function: '/' }), 2)
assert.equal(await database.count({ function: '/missing' }), 1)
await database.close()
