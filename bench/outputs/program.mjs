// A program with many captured functions, with or without an output. Prints what was measured as JSON.
//
//   node program.mjs <folder> <functions> <seconds> [sqlite|postgres]
//
// It calls every function twice a second at an even pace, and measures by how much the event loop is late; then, as fast as it
// can, what a call costs; at the end what memory it has come to.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { capture, close, configure, health } from 'kronicler'
import { postgres } from 'kronicler/postgres'
import { sqlite } from 'kronicler/sqlite'

const [folder, functionsText, secondsText, output] = process.argv.slice(2)
const count = Number(functionsText)
const seconds = Number(secondsText)
const INTERVAL_MS = 1000
const SLICE_MS = 10

const outputs = {
  sqlite: () => [sqlite(join(folder, 'metrics.db'), { intervalMs: INTERVAL_MS })],
  postgres: () => [postgres(process.env.BENCH_POSTGRES, { intervalMs: INTERVAL_MS })],
}
configure({
  directory: join(folder, 'kronicler'),
  maxFunctions: count + 10,
  outputs: outputs[output]?.() ?? [],
})

const functions = Array.from({ length: count }, (_, i) =>
  capture(`module${i % 100}.function${i}`, (x) => x + 1),
)
let at = 0
function callSome(many) {
  let sum = 0
  for (let i = 0; i < many; i++) {
    sum += functions[at](i)
    at = at + 1 === count ? 0 : at + 1
  }
  return sum
}

callSome(count) // all are known
await sleep(2 * INTERVAL_MS) // and in the tables

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
const perSlice = Math.ceil((2 * count * SLICE_MS) / 1000)
const until = performance.now() + seconds * 1000
while (performance.now() < until) {
  callSome(perSlice)
  await sleep(SLICE_MS)
}
delay.disable()

// in pieces that the queue holds, so that storing the rows is not what is measured
const costs = []
for (let piece = 0; piece < 40; piece++) {
  const startNs = process.hrtime.bigint()
  callSome(50_000)
  costs.push(Number(process.hrtime.bigint() - startNs) / 50_000)
  await sleep(25)
}
costs.sort((a, b) => a - b)

globalThis.gc?.()
const rssMib = process.memoryUsage().rss / 2 ** 20
const { outputs: states, dropped } = health()
await close()
process.stdout.write(
  `${JSON.stringify({
    delayP50Ms: delay.percentile(50) / 1e6,
    delayP99Ms: delay.percentile(99) / 1e6,
    callNs: costs[costs.length / 2],
    rssMib,
    dropped,
    saved: states[0]?.saved ?? 0,
    failures: states[0]?.failures ?? 0,
  })}\n`,
)
