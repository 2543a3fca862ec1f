/** rows.json of a golden database with details: single rows and series of rows, whose columns go through cycles. */
import type { JsonValue } from '../../src/types.ts'

/** One row by names. */
export type DetailedRow = [
  name: string,
  startUs: number,
  durationNs: number,
  error: string | null,
  parent: string | null,
  depth: number,
  async: boolean,
  childrenNs: number,
  weight: number,
  attributes: { [key: string]: JsonValue } | null,
]

/** Row i of `count` has element i % length of each array. */
export interface DetailedSeries {
  function: string
  count: number
  startUs: number
  stepUs: number
  durationsNs: number[]
  errors: (string | null)[]
  parents: (string | null)[]
  depths: number[] // empty: row i has depth i % 2000
  async: boolean[]
  childrenNs: number[]
  weights: number[]
  attributes: ({ [key: string]: JsonValue } | null)[]
}

export interface DetailedGoldenRows {
  places: Record<string, string> // of definition
  counters: { dropped: number; filtered: number; attributesDropped: number }
  rows: DetailedRow[]
  series: DetailedSeries[]
}

export function expandDetailedRows({ rows, series }: DetailedGoldenRows): DetailedRow[] {
  return [...series.flatMap(expandDetailedSeries), ...rows]
}

export function expandDetailedSeries(series: DetailedSeries): DetailedRow[] {
  const { depths } = series
  return Array.from({ length: series.count }, (_, i): DetailedRow => {
    const of = <T>(cycle: readonly T[]): T => cycle[i % cycle.length]!
    return [
      series.function,
      series.startUs + i * series.stepUs,
      of(series.durationsNs),
      of(series.errors),
      of(series.parents),
      depths.length === 0 ? i % 2000 : of(depths),
      of(series.async),
      of(series.childrenNs),
      of(series.weights),
      of(series.attributes),
    ]
  })
}
