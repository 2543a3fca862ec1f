/**
 * @module query/count-calls
 * How many calls are as asked for. Chunks of which all or none are, as their extremes tell, are not decoded.
 */
import type { ChunkSource } from '../database/read/chunk-source.ts'
import type { Snapshot } from '../database/read/snapshot.ts'
import type { ScanOptions } from '../types.ts'
import { allTake, ChunkFilter, mayPass, type RowFilter } from './call-filter.ts'
import type { RowSpan } from './range-scan.ts'
import { ScanChunks } from './scan-chunks.ts'
import { ScanPace } from './scan-pace.ts'
import type { RangeUs } from './time.ts'

export async function countCalls(
  snapshot: Snapshot,
  functionNumbers: readonly number[],
  range: RangeUs,
  filter: RowFilter,
  options: ScanOptions,
): Promise<number> {
  const chunks = new ScanChunks(snapshot, {
    functionNumbers,
    range,
    mayPass: (source, chunk) => mayPass(filter, source, chunk),
    joinsShared: filter.error === undefined,
  })
  const pace = new ScanPace(snapshot, options, chunks.totalRows)
  const chunkFilter = new ChunkFilter(snapshot, filter)
  let calls = 0
  for (let i = 0; i < chunks.count; i++) {
    const source = chunks.source(i)
    const chunk = chunks.chunk(i)
    const span = chunks.span(i)
    if (span !== undefined && span.first < span.end) {
      calls += source.weights[chunk]! * rowsOf(source, chunk, span, filter, chunkFilter)
      pace.add(span.end - span.first)
    }
    if (pace.isDue) await pace.pause()
  }
  pace.report()
  return calls
}

function rowsOf(
  source: ChunkSource,
  chunk: number,
  span: RowSpan,
  filter: RowFilter,
  chunkFilter: ChunkFilter,
): number {
  const { attributes, error, maxNs, minNs } = filter
  if (error === undefined && attributes.length === 0) {
    if (allTake(source, chunk, minNs, maxNs)) return span.end - span.first
    return source.selectDurations(chunk, span, { minNs, maxNs }) ?? 0
  }
  return chunkFilter.count(source, chunk, span) ?? 0
}
