/**
 * @module bench/capture/ledger
 * Who was called how often, to be held against what Kronicler says: a wrong count is a failed benchmark, not a number.
 */
import assert from 'node:assert/strict'
import { health, metrics, type Metrics } from 'kronicler'
import { openDatabase, type FunctionStats } from 'kronicler/database'
import { createLoop, createSubjects, type Loop, type Subject } from './subjects.ts'

export class Ledger {
  readonly #calls = new Map<string, number>()

  add(name: string, calls: number): void {
    this.#calls.set(name, (this.#calls.get(name) ?? 0) + calls)
  }

  get total(): number {
    return [...this.#calls.values()].reduce((sum, calls) => sum + calls, 0)
  }

  /**
   * Every call is in the metrics, and is either stored or counted as dropped; what is stored is in the database, and
   * agrees with the metrics. Call it after `close()`.
   *
   * @returns rows dropped
   * @throws {AssertionError} any of it is not so
   */
  async verify(directory: string): Promise<number> {
    const { stored, dropped, queued } = health()
    assert.equal(queued, 0, 'everything is stored after close()')
    assert.equal(stored + dropped, this.total, 'stored + dropped = calls')
    const own = new Map(metrics())
    const database = await openDatabase(directory)
    const functions = new Map(
      (await database.functions()).map((stats) => [stats.function, stats] as const),
    )
    assert.equal(await database.dropped(), dropped, 'the files count what was dropped')
    await database.close()
    const rows = [...functions.values()].reduce((sum, { calls }) => sum + calls, 0)
    assert.equal(rows, stored, 'what is stored is in the database')
    for (const [name, calls] of this.#calls) {
      assert.equal(own.get(name)?.calls, calls, `the metrics count every call of ${name}`)
      const rowsOfName = functions.get(name)
      if (rowsOfName !== undefined) assertSame(name, own.get(name)!, rowsOfName, dropped > 0)
    }
    return dropped
  }
}

/** The metrics have every call, the database those that were not dropped. */
function assertSame(name: string, own: Metrics, rows: FunctionStats, someDropped: boolean): void {
  const sumNs = own.meanNs * own.calls
  if (someDropped) {
    assert.ok(own.calls >= rows.calls, `${name}: no call is stored twice`)
    assert.ok(own.maxNs >= rows.maxNs && own.minNs <= rows.minNs, `${name}: extremes`)
    assert.ok(sumNs * (1 + 1e-9) >= rows.sumNs, `${name}: sum of durations`)
    return
  }
  assert.equal(rows.calls, own.calls, `${name}: calls`)
  assert.equal(rows.errors, own.errors, `${name}: errors`)
  assert.equal(rows.minNs, own.minNs, `${name}: shortest`)
  assert.equal(rows.maxNs, own.maxNs, `${name}: longest`)
  assert.ok(Math.abs(rows.sumNs / sumNs - 1) < 1e-9, `${name}: sum of durations`)
}

/** 16 captured functions, and a loop that calls them in turn and keeps account of it. */
export function createCountedLoop(
  wrap: (subject: Subject, name: string, isAsync: boolean) => Subject,
  ledger: Ledger,
): (calls: number) => void {
  const name = (k: number): string => `bench.counted.${k}`
  const functions = createSubjects('sync-16').map((subject, k) => wrap(subject, name(k), false))
  const loop = createLoop('sync-16', false) as Loop<number>
  return (calls) => {
    loop(functions, calls)
    for (let k = 0; k < functions.length; k++) {
      ledger.add(name(k), Math.ceil((calls - k) / functions.length))
    }
  }
}
