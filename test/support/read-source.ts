/** Every row of a database, through the interface that questions use. */
import type { ChunkSource } from '../../src/database/read/chunk-source.ts'
import type { Kernels } from '../../src/database/kernels/kernels.ts'
import type { Snapshot } from '../../src/database/read/snapshot.ts'
import { idRowOf, textOf, type IdRow } from './read-folder.ts'

/** Rows of a source in its order, all of whose pages must be sound. */
export function readSource(source: ChunkSource, kernels: Kernels): IdRow[] {
  return Array.from({ length: source.chunkCount }, (_, i) => i).flatMap((chunk) => {
    const { longs, pointer } = source.durationsOf(chunk)!
    const count = source.rowCounts[chunk]!
    const durations = [...kernels.u32.subarray(pointer / 4, pointer / 4 + count)]
    longs?.rows.forEach((row, i) => (durations[row] = longs.durationsNs[i]!))
    const errors = source.errorsOf(chunk)!
    const types = new Map([...errors.rows].map((row, i) => [row, errors.types[i]!]))
    const { childrenNs, contexts } = source.detailsOf(chunk)!
    const attributes = source.attributesOf(chunk)!
    const starts = [...source.startsOf(chunk)!]
    return starts.map((startUs, row) =>
      idRowOf([source.functionIds[chunk]!, startUs, durations[row]!, types.get(row) ?? 0], {
        context: contexts?.[row] ?? 0,
        childrenNs: childrenNs?.[row] ?? 0,
        weight: source.weights[chunk]!,
        attributes: textOf(attributes.get(row)),
      }),
    )
  })
}

/** Sealed sources first, then the logs, each in the order in which they were written. */
export function sourcesOf(snapshot: Snapshot): ChunkSource[] {
  return snapshot.indexes.flatMap(({ sources }) =>
    [...sources].sort((a, b) => (a.path < b.path ? -1 : 1)),
  )
}
