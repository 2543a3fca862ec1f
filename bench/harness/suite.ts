/**
 * @module bench/harness/suite
 * What every suite is given, and what it is.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Measurements } from './result.ts'

export interface SuiteOptions {
  rows: number[] | undefined // sizes of the databases; undefined: the suite's own
  calls: number | undefined // to make; undefined: the suite's own
  sets: string[] | undefined // names of data sets
  rounds: number | undefined // how often everything is measured
  seconds: number | undefined // for how long a question is asked of one contender
  skip: string[] // peers to leave out
  folder: string // where data is written
}

export interface Suite {
  peers: string[] // packages whose versions belong to the result
  run(options: SuiteOptions): Promise<Measurements>
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
const EXIT_CODE_OF_SIGNALS = 128

/** Gives `work` an empty folder and removes it afterwards, whatever happens, also when the process is told to end. */
export async function inFolder<T>(
  parent: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(parent, 'kronicler-bench-'))
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true })
  }
  const onSignal = (_: string, number: number): void => {
    process.exit(EXIT_CODE_OF_SIGNALS + number)
  }
  process.on('exit', remove)
  for (const signal of SIGNALS) process.on(signal, onSignal)
  try {
    return await work(folder)
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal)
    process.off('exit', remove)
    remove()
  }
}
