/** rows.json of a golden database: single rows and series of rows, so that thousands of rows stay readable. */
import type { NamedRow } from '../support/read-folder.ts'

/** `count` calls, `stepUs` apart, whose durations go through a cycle. */
export interface Series {
  function: string
  count: number
  startUs: number
  stepUs: number
  durationsNs: number[] // row i took durationsNs[i % length]
  error: string | null
  errorEvery: number // row i failed if i % errorEvery is 0; 0: none
}

export interface GoldenRows {
  rows: NamedRow[]
  series: Series[]
}

export function expandGoldenRows(golden: GoldenRows): NamedRow[] {
  return [...golden.rows, ...golden.series.flatMap(expandSeries)]
}

export function expandSeries(series: Series): NamedRow[] {
  return Array.from({ length: series.count }, (_, i) => [
    series.function,
    series.startUs + i * series.stepUs,
    series.durationsNs[i % series.durationsNs.length]!,
    series.errorEvery > 0 && i % series.errorEvery === 0 ? series.error : null,
  ])
}
