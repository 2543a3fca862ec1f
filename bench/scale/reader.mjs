/**
 * @module bench/scale/reader
 * A program that only reads: opens a database, asks questions of every kind for some seconds, and prints the most
 * memory that it had resident, in bytes. Run by node itself, so that nothing but the program takes memory.
 *
 *   node reader.mjs <directory> '["some.function", "another"]'
 */
import { readFileSync } from 'node:fs'
import { openDatabase } from 'kronicler/database'

const QUESTIONS_MS = 4000

const [, , directory = '', names = '[]'] = process.argv
/** @type {string[]} */
const functions = JSON.parse(names)

const database = await openDatabase(directory)
const { firstStartMs, lastStartMs } = await database.stats()
const start = performance.now()
for (let i = 0; performance.now() - start < QUESTIONS_MS; i++) {
  const name = functions[(i * 7919) % functions.length]
  const length = (lastStartMs - firstStartMs) / (1 + ((i * 31) % 100))
  const from = firstStartMs + (lastStartMs - firstStartMs - length) * ((i % 17) / 17)
  const range = { from, to: from + length }
  await database.stats({ function: name, ...range })
  await database.functions(range)
  await database.slowest({ function: name, limit: 100, ...range })
  await database.tail(100)
}
await database.close()
console.log(peakResidentKib() * 1024)

/** Of this program: Linux's maxRSS has what the process had before it was this program, which is what started it. */
function peakResidentKib() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
}
