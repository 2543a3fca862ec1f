/**
 * The same calls in DuckDB, to compare answers with.
 */
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { expect } from 'vitest'
import type { Call } from './random-calls.ts'

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever the query selects
export type SqlRow = Record<string, any>

/** Half-open, of one function or of all. */
export interface Range {
  fromUs: number
  toUs: number
  function: string | undefined
}

const NO_DETAILS = {
  parent: undefined,
  depth: 0,
  async: false,
  weight: 1,
  attributes: undefined,
}

export class CallsInDuckDb {
  readonly #connection: DuckDBConnection

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection
  }

  static async open(): Promise<CallsInDuckDb> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    return new CallsInDuckDb(await instance.connect())
  }

  /** Replaces the table `calls` by these, and in the view `repeated` each is there as often as it weighs. */
  async load(calls: readonly Call[]): Promise<void> {
    await this.#connection.run(`
    create or replace table calls (name varchar, start bigint, duration bigint, error varchar, weight bigint,
      self bigint, parent varchar, depth integer, async boolean, attributes varchar)`)
    const appender = await this.#connection.createAppender('calls')
    for (const call of calls) {
      appender.appendVarchar(call.function)
      appender.appendBigInt(BigInt(call.startUs))
      appender.appendBigInt(BigInt(call.durationNs))
      if (call.error === undefined) appender.appendNull()
      else appender.appendVarchar(call.error)
      const details = call.details ?? { ...NO_DETAILS, selfNs: call.durationNs }
      appender.appendBigInt(BigInt(details.weight))
      appender.appendBigInt(BigInt(details.selfNs))
      if (details.parent === undefined) appender.appendNull()
      else appender.appendVarchar(details.parent)
      appender.appendInteger(Math.min(details.depth, 2047))
      appender.appendBoolean(details.async)
      if (details.attributes === undefined) appender.appendNull()
      else appender.appendVarchar(JSON.stringify(details.attributes))
      appender.endRow()
    }
    appender.closeSync()
    await this.#connection.run(`
    create or replace view repeated as
    select * exclude (one) from (select *, unnest(range(weight)) as one from calls)`)
  }

  async ask(query: string): Promise<SqlRow[]> {
    return (await this.#connection.runAndReadAll(query)).getRowObjectsJS()
  }

  close(): void {
    this.#connection.closeSync()
  }
}

export function conditionOf({ fromUs, toUs, function: name }: Range): string {
  const condition = `start >= ${fromUs} and start < ${toUs}`
  return name === undefined ? condition : `${condition} and name = '${name}'`
}

export function questionOf({ fromUs, toUs, function: name }: Range) {
  return { from: fromUs / 1000, to: toUs / 1000, function: name }
}

export function expectClose(actual: number, expected: number, relative: number): void {
  if (Math.abs(actual - expected) <= relative * Math.abs(expected)) return
  expect.fail(`${actual} is not within ${relative} of ${expected}`)
}

export function wholeRange(calls: readonly Call[]): Range {
  const starts = calls.map(({ startUs }) => startUs)
  const fromUs = starts.reduce((a, b) => Math.min(a, b))
  const toUs = starts.reduce((a, b) => Math.max(a, b)) + 1
  return { fromUs, toUs, function: undefined }
}

/** Borders on or next to a call, or anywhere; all functions, one, or one that does not exist. */
export function randomRange(calls: readonly Call[], random: () => number): Range {
  const { fromUs, toUs } = wholeRange(calls)
  const border = (): number => {
    const call = calls[Math.floor(calls.length * random())]!
    if (random() < 0.5) return call.startUs + Math.floor(3 * random()) - 1
    return Math.floor(fromUs + (toUs - fromUs) * random())
  }
  const [a, b] = [border(), border()].sort((x, y) => x - y)
  const one = calls[Math.floor(calls.length * random())]!.function
  const name = random() < 0.3 ? undefined : random() < 0.05 ? 'nobody' : one
  return { fromUs: a!, toUs: b!, function: name }
}

export function sqlText(text: string | undefined): string {
  return text === undefined ? 'null' : `'${text.replaceAll("'", "''")}'`
}
