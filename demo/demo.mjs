/**
 * @module demo
 * `npm run demo`: a web service at work under load for ten seconds, every call of its functions captured,
 * and then the question that such a program raises: which functions are slow only now and then?
 *
 * The service is service.mjs; this file seeds its data, puts it under load and asks the question.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { close, metrics } from 'kronicler'
import { collectArticles, seedDatabase } from './articles.mjs'
import { LOAD, runLoad } from './load.mjs'
import { printReport } from './report.mjs'
import { startService } from './service.mjs'

const NODE_MODULES = fileURLToPath(new URL('../node_modules', import.meta.url))

const startMs = Date.now()
const interruption = new AbortController()
// The first Ctrl-C ends the load early, and what there is by then is reported; the second ends everything.
for (const name of ['SIGINT', 'SIGTERM']) {
  process.on(name, () => (interruption.signal.aborted ? process.exit(130) : interruption.abort()))
}

const scratch = mkdtempSync(join(tmpdir(), 'kronicler-demo-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

const file = join(scratch, 'articles.sqlite')
const articles = seed(file)
const service = await startService(file)
await work()
const calls = capturedCalls()
await close() // writes what is still in memory; the files are complete from here on
await report(calls)

function seed(file) {
  const articles = collectArticles(NODE_MODULES)
  const comments = seedDatabase(file, articles)
  const sizes = articles.map(({ body }) => body.length).sort((a, b) => a - b)
  say(
    `Seeded SQLite with ${count(articles.length)} articles (Markdown found in node_modules; median ` +
      `${kilobytes(sizes[sizes.length >> 1])}, largest ${kilobytes(sizes.at(-1))}) and ${count(comments)} comments`,
  )
  return articles
}

async function work() {
  say(
    `Service listens on ${service.url}; ${LOAD.connections} readers ask it for ` +
      `one page after the other for ${LOAD.seconds} s ...`,
  )
  const progress = setInterval(
    () => say(`  ${count(service.served.responses)} requests answered`),
    2500,
  )
  try {
    const load = await runLoad(service.url, articles, interruption.signal)
    say(
      `Load done: ${count(load.answered)} answers in ${load.seconds.toFixed(1)} s, ${load.failed} failed, ` +
        `${load.errors} errors; p50 ${load.p50Ms} ms, p99 ${load.p99Ms} ms, slowest ${load.maxMs} ms`,
    )
  } finally {
    clearInterval(progress)
    await service.close()
  }
  const { hits, misses } = service.pages
  say(`Page cache: ${count(hits)} hits, ${count(misses)} misses`)
}

/** How many calls the program has made, as counted in its own memory. */
function capturedCalls() {
  let calls = 0
  for (const [, { calls: callsOfFunction }] of metrics()) calls += callsOfFunction
  return calls
}

async function report(calls) {
  if (calls === 0) return say('Nothing was captured: KRONICLER_ENABLED is false')
  const directory = process.env.KRONICLER_DIR ?? '.kronicler'
  const rows = await printReport(directory, startMs)
  say(`\n${count(calls)} calls made, ${count(rows)} rows stored`)
  if (rows !== calls) process.exitCode = 1
  if (interruption.signal.aborted) process.exitCode = 130
}

function count(value) {
  return value.toLocaleString('en')
}

function kilobytes(value) {
  return `${(value / 1000).toFixed(1)} kB`
}

function say(line) {
  console.log(line)
}
