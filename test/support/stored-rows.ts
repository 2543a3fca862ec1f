/** What a writer's folder holds, read with nothing but the decoders of the format: rows, and totals of those that expired. */
import type { CorruptionError } from '../../src/errors.ts'
import { CallTotals } from '../../src/database/call-totals.ts'
import { readAt, type FileLayer } from '../../src/database/file.ts'
import { contentsOf } from '../../src/database/maintain/folder-contents.ts'
import { walFileName } from '../../src/database/format/directory.ts'
import { SlotSequences } from '../../src/database/format/slot-sequences.ts'
import { WAL_HEADER_SIZE_BYTES } from '../../src/database/format/wal-header.ts'
import { loadFallbackKernels } from '../../src/database/kernels/kernels.ts'
import { ReaderContext } from '../../src/database/read/reader-context.ts'
import { RollUpReader } from '../../src/database/read/roll-up-reader.ts'
import { fileBytes, readSegment, readWal } from './read-folder.ts'
import type { IdRow } from './id-row.ts'

export interface RolledUp {
  functionId: number
  weight: number
  total: CallTotals
}

/** Every fault but a torn end is thrown. */
export function storedRows(files: FileLayer, folder: string): IdRow[] {
  const kernels = loadFallbackKernels()
  const { logs, segments } = contentsOf(files.readdir(folder))
  const open = (name: string) => fileBytes(kernels, content(files, `${folder}/${name}`), name)
  const slots = new SlotSequences()
  return [
    ...segments.flatMap(({ name }) => readSegment(open(name)).rows),
    ...logs.flatMap((log) => {
      const file = open(walFileName(log))
      return file.sizeBytes < WAL_HEADER_SIZE_BYTES ? [] : readWal(file, slots, passTorn)
    }),
  ]
}

export function rolledUp(files: FileLayer, folder: string): RolledUp[] {
  const { rollUps } = contentsOf(files.readdir(folder))
  if (rollUps.length === 0) return []
  const context = new ReaderContext(files, loadFallbackKernels(), undefined, undefined)
  return rollUps.flatMap((file) => {
    const reader = new RollUpReader(context, `${folder}/${file.name}`, file)
    context.faults.flush()
    return Array.from({ length: reader.chunkCount }, (_, chunk) => {
      const total = new CallTotals()
      reader.chunkSummary(chunk, total)
      return { functionId: reader.functionIds[chunk]!, weight: reader.weights[chunk]!, total }
    })
  })
}

function content(files: FileLayer, path: string): Uint8Array {
  const descriptor = files.open(path, 'r')
  const bytes = new Uint8Array(files.fstat(descriptor).sizeBytes)
  readAt(files, descriptor, bytes, 0, bytes.length, 0)
  files.close(descriptor)
  return bytes
}

function passTorn(fault: CorruptionError): void {
  if (fault.code !== 'KRONICLER_TORN') throw fault
}
