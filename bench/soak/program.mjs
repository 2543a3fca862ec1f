/**
 * @module bench/soak/program
 * A program that runs for long: sync and async functions, nested ones, generators, callbacks, spans, some that fail, some
 * with attributes, some that know their caller across await. Prints a line of JSON for each sample of its memory, and a
 * last one with all counts. Run by node itself, with --expose-gc, so that nothing but the program takes memory.
 *
 *   node --expose-gc program.mjs '{ "calls": 1000000, "samples": 200, "directory": "calls", "captured": true }'
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  capture as kroniclerCapture,
  captureCallback as kroniclerCaptureCallback,
  close,
  configure,
  health,
  metrics,
  span,
} from 'kronicler'

const { calls, samples, directory, captured, segmentRows } = JSON.parse(process.argv[2])
const QUEUE_CAPACITY = 65_536 // all of it is in use from the first samples on
const BATCH = 20_000 // calls between two turns of the event loop

configure({ directory, segmentRows, queueCapacity: QUEUE_CAPACITY })
const capture = captured ? kroniclerCapture : (fn) => fn
const captureCallback = captured ? kroniclerCaptureCallback : (fn) => fn
const startSpan = captured ? span : () => ({ end() {} })

const sync = Array.from({ length: 16 }, (_, k) =>
  capture(
    // by their text: copies of one closure would share what V8 knows of them
    new Function(`return function sync${k}(i, x) { return (x ^ (i * ${2 * k + 3})) | 0 }`)(),
  ),
)
const inner = capture(function inner(x) {
  return Math.sqrt(x)
})
const outer = capture(function outer(x) {
  return inner(x) + inner(x + 1)
})
const fails = capture(function fails(x) {
  throw new RangeError(`not ${x}`)
})
const waits = capture(async function waits(x) {
  await null
  return x
})
const rejects = capture(async function rejects(x) {
  await null
  throw new TypeError(`not ${x}`)
})
const items = capture(function* items(count) {
  for (let i = 0; i < count; i++) yield i
})
const callsBack = captureCallback(function callsBack(x, done) {
  process.nextTick(done, null, x)
})
const follow = async (x) => (await null) ?? inner(x)
const follows = captured ? kroniclerCapture(follow, { name: 'follows', parent: true }) : follow
const item = (i) => ({ order: i, customer: `customer ${i % 1000}` })
const described = captured
  ? kroniclerCapture(item, { name: 'described', attributes: ([i], result) => result ?? { i } })
  : item

const made = new Map()
let total = 0
for (let sample = 0; sample < samples; sample++) {
  const until = Math.round((calls * (sample + 1)) / samples)
  while (total < until) {
    await batch(Math.min(BATCH, until - total))
    while (health().queued > QUEUE_CAPACITY / 2) await sleep(1) // every row shall be stored
    await new Promise(setImmediate)
  }
  await report()
}
const atEnd = captured ? await finish() : {}
console.log(JSON.stringify({ made: Object.fromEntries(made), ...atEnd }))

/** About so many calls: 88 % of plain functions, the rest of every other kind. */
async function batch(count) {
  const start = total
  const plain = Math.floor(count * 0.88)
  let x = 0
  for (let i = 0; i < plain; i++) x = sync[i & 15](i, x)
  for (let k = 0; k < 16; k++) add(sync[k].name, Math.ceil((plain - k) / 16))
  const others = Math.floor((count - plain) / 120) // a round of them is 120 calls
  for (let round = 0; round < others; round++) await roundOfOthers(x)
  for (let i = total - start; i < count; i++) inner(i)
  add('inner', count - (total - start))
}

async function roundOfOthers(x) {
  for (let i = 0; i < 20; i++) outer(x + i)
  add('outer', 20)
  add('inner', 40)
  for (let i = 0; i < 5; i++) described(i)
  add('described', 5)
  for (let i = 0; i < 3; i++) {
    try {
      fails(i)
    } catch {
      // its errors are counted at the end
    }
  }
  add('fails', 3)
  let sum = 0
  for (let i = 0; i < 4; i++) for (const one of items(3)) sum += one
  add('items', 4)
  const pending = [sum]
  for (let i = 0; i < 3; i++) pending.push(new Promise((resolve) => callsBack(i, resolve)))
  add('callsBack', 3)
  for (let i = 0; i < 3; i++) pending.push(follows(i))
  add('follows', 3)
  add('inner', 3)
  for (let i = 0; i < 27; i++) pending.push(waits(i))
  add('waits', 27)
  for (let i = 0; i < 2; i++) pending.push(rejects(i))
  add('rejects', 2)
  await Promise.allSettled(pending)
  for (let i = 0; i < 10; i++) startSpan('work').end()
  add('work', 10)
}

function add(name, count) {
  made.set(name, (made.get(name) ?? 0) + count)
  total += count
}

/** What is held, not what waits to be collected. */
async function report() {
  globalThis.gc()
  await new Promise(setImmediate) // finalizers
  globalThis.gc()
  const { heapUsed, rss, external, arrayBuffers } = process.memoryUsage()
  const sample = { calls: total, heapUsed, rss, external, arrayBuffers, atMs: performance.now() }
  if (!process.stdout.write(`${JSON.stringify(sample)}\n`)) {
    await new Promise((resolve) => process.stdout.once('drain', resolve))
  }
}

async function finish() {
  await close()
  const { dropped, stored, attributesDropped } = health()
  const counted = Object.fromEntries(
    [...metrics()].map(([name, { calls, errors }]) => [name, { calls, errors }]),
  )
  return { dropped, stored, attributesDropped, counted }
}
