/**
 * @module demo/report
 * Asks the database which functions are slow only now and then, and prints the answer.
 */
import { openDatabase } from 'kronicler/database'

const SLOWEST_CALLS = 8

/**
 * @param {string} directory as written by the captured program
 * @param {number} from start of the run, milliseconds since the epoch; older runs are left out
 * @returns {Promise<number>} calls found in the range
 */
export async function printReport(directory, from) {
  const database = await openDatabase(directory)
  try {
    const functions = await database.functions({ from, quantiles: [0.5, 0.99] })
    const ranked = rankBySlowTime(functions)
    printOccasionallySlow(ranked)
    printSlowest(await database.slowest({ from, limit: SLOWEST_CALLS }), functions)
    printCommands(directory, ranked[0] ?? functions[0])
    return await database.count({ from })
  } finally {
    await database.close()
  }
}

/** The functions with calls above ten times their median, first the one that lost most time in them. */
function rankBySlowTime(functions) {
  const slowNs = ({ slow }) => slow.calls * slow.meanNs
  return functions.filter(({ slow }) => slow.calls > 0).sort((a, b) => slowNs(b) - slowNs(a))
}

function printOccasionallySlow(ranked) {
  console.log('\nWhich functions are slow only now and then? (slow: above ten times the median)\n')
  printTable([
    ['function', 'calls', 'median', 'p99', 'max', 'slow', 'slow mean', 'x median', 'of its time'],
    ...ranked.map(({ function: name, calls, maxNs, quantiles: [median, p99], slow }) => [
      name,
      calls.toLocaleString('en'),
      duration(median.durationNs),
      duration(p99.durationNs),
      duration(maxNs),
      oneIn(calls, slow),
      duration(slow.meanNs),
      `${Math.round(slow.meanNs / median.durationNs)}x`,
      percent(slow.timeShare),
    ]),
  ])
  const [first] = ranked
  if (!first) return
  console.log(
    `\n  ${first.function}: half of its calls take ${duration(first.quantiles[0].durationNs)} or less, but ` +
      `${oneIn(first.calls, first.slow)} takes\n  ${duration(first.slow.meanNs)} on average. ` +
      `Those few are ${percent(first.slow.timeShare)} of all the time it needs.`,
  )
}

function printSlowest(rows, functions) {
  const medians = new Map(functions.map((of) => [of.function, of.quantiles[0].durationNs]))
  console.log('\nThe slowest calls\n')
  printTable([
    ['function', 'started', 'duration', 'x median'],
    ...rows.map((row) => [
      row.function,
      new Date(row.startMs).toISOString().slice(11, 23),
      duration(row.durationNs),
      `${Math.round(row.durationNs / medians.get(row.function))}x`,
    ]),
  ])
}

function printCommands(directory, worst) {
  const option = directory === '.kronicler' ? '' : ` --dir ${directory}`
  console.log(`\nEvery call is in ${directory}; ask more of it:\n`)
  console.log(`  npx kronicler functions${option}`)
  console.log(`  npx kronicler stats ${worst.function}${option}`)
  console.log(`  npx kronicler slowest ${worst.function} --from -10m${option}`)
}

function oneIn(calls, slow) {
  return `1 in ${Math.round(calls / slow.calls).toLocaleString('en')}`
}

function percent(share) {
  return `${(share * 100).toFixed(0)} %`
}

/** A duration with three digits and the unit that suits it. */
function duration(ns) {
  if (ns < 1e3) return `${ns.toPrecision(3)} ns`
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)} ms`
  return `${(ns / 1e9).toPrecision(3)} s`
}

/** Columns as wide as their widest cell; the first is aligned left, the others right. */
function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    )
    console.log(`  ${cells.join('  ')}`)
  }
}
