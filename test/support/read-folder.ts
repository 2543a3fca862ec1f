/**
 * Reads every row of a database with nothing but the decoders of the format: slow, simple, and independent of the
 * database's reader, so that the tests of writing do not stand on it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CorruptionError } from '../../src/errors.ts'
import {
  isWriterFolder,
  parseSegmentFileName,
  parseWalFileName,
} from '../../src/database/format/directory.ts'
import {
  decodeDictionaryHeader,
  DICTIONARY_HEADER_SIZE_BYTES,
  KIND_ERROR_TYPE,
  KIND_FUNCTION,
  scanDictionary,
} from '../../src/database/format/dictionary.ts'
import type { FileBytes } from '../../src/database/format/file-bytes.ts'
import {
  addUpGaps,
  decodedSizeBytes,
  decodeDurationPage,
  decodeErrorPage,
  decodeGaps,
  decodeStartPage,
} from '../../src/database/format/pages.ts'
import { createRowColumns } from '../../src/database/format/rows.ts'
import type { AttributeTools, RowAttributes } from '../../src/database/format/attribute-blocks.ts'
import { PforReader } from '../../src/database/format/pfor-reader.ts'
import { decodeDetailsPage, openAttributes } from '../../src/database/format/details-page.ts'
import {
  decodeSegmentDirectory,
  type DetailColumns,
  type Extents,
  type SegmentDirectory,
} from '../../src/database/format/segment-directory.ts'
import {
  decodeSegmentFooter,
  decodeSegmentHeader,
  SEGMENT_FOOTER_SIZE_BYTES,
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentHeader,
} from '../../src/database/format/segment-header.ts'
import { SlotSequences } from '../../src/database/format/slot-sequences.ts'
import { decodeWalRows } from '../../src/database/format/wal-frame.ts'
import { decodeWalHeader, WAL_HEADER_SIZE_BYTES } from '../../src/database/format/wal-header.ts'
import { scanWal } from '../../src/database/format/wal-scan.ts'
import { loadFallbackKernels, type Kernels } from '../../src/database/kernels/kernels.ts'
import { fromColumns, idRowOf, textOf, type Extras, type IdRow } from './id-row.ts'

export { fromColumns, idRowOf, textOf, type Extras, type IdRow }

/** One row by names. */
export type NamedRow = [name: string, startUs: number, durationNs: number, error: string | null]

export interface Names {
  functions: Map<number, string>
  errorTypes: Map<number, string>
  places: Map<number, string>
}

export function fileBytes(
  kernels: Kernels,
  bytes: Uint8Array,
  path: string,
  offset = 0,
): FileBytes {
  const pointer = kernels.allocate(bytes.length)
  kernels.u8.set(bytes, pointer)
  return { kernels, pointer, sizeBytes: bytes.length, path, offset }
}

/** A part of the bytes, at an address of its own. */
export function part(file: FileBytes, offset: number, sizeBytes: number): FileBytes {
  const from = file.pointer + offset
  return fileBytes(file.kernels, file.kernels.u8.slice(from, from + sizeBytes), file.path, offset)
}

/** All rows of a log, in order of arrival. Faults are thrown unless taken. */
export function readWal(
  file: FileBytes,
  slots = new SlotSequences(),
  onFault: (fault: CorruptionError) => void = rethrow,
): IdRow[] {
  const { sequence } = decodeWalHeader(file)
  const rows = createRowColumns(16)
  scanWal(file, WAL_HEADER_SIZE_BYTES, {
    sequence,
    final: true,
    onFrame: (frame) => {
      decodeWalRows(file, frame, slots.take(frame), rows)
    },
    onFault,
  })
  return fromColumns(rows)
}

export interface SegmentContent {
  header: SegmentHeader
  directory: SegmentDirectory
  rows: IdRow[]
}

/** All rows of a segment, in its order, every checksum verified. */
export function readSegment(file: FileBytes): SegmentContent {
  const header = decodeSegmentHeader(part(file, 0, Math.min(64, file.sizeBytes)))
  const footerAt = Math.max(SEGMENT_HEADER_SIZE_BYTES, file.sizeBytes - SEGMENT_FOOTER_SIZE_BYTES)
  const footer = decodeSegmentFooter(part(file, footerAt, file.sizeBytes - footerAt), header)
  const { offset, sizeBytes } = footer.directory
  const directory = decodeSegmentDirectory(part(file, offset, sizeBytes), header, footer)
  for (const extents of [
    directory.durationExtents,
    directory.startExtents,
    directory.errorExtents,
    directory.histogramExtents,
    directory.detailsExtents,
  ]) {
    if (extents !== undefined) checkExtents(file, extents)
  }
  const pages = Array.from({ length: directory.pageCount }, (_, page) =>
    readPage(file, directory, page),
  )
  const rows: IdRow[] = []
  for (let chunk = 0; chunk < directory.chunkCount; chunk++) {
    const first = directory.firstRows[chunk]!
    const end = first + directory.rowCounts[chunk]!
    for (const row of pages[directory.pages[chunk]!]!.slice(first, end)) rows.push(row)
  }
  return { header, directory, rows }
}

function checkExtents(file: FileBytes, extents: Extents): void {
  for (let i = 0; i < extents.count; i++) {
    const from = extents.offsets[i]!
    const sizeBytes = extents.sizes[i]!
    if (file.kernels.xxh64Low(file.pointer + from, sizeBytes) !== extents.checksums[i]) {
      throw Object.assign(new Error(`extent at ${from}`), { code: 'KRONICLER_CORRUPT' })
    }
  }
}

/** Rows of all chunks of a page, in their order. */
function readPage(file: FileBytes, directory: SegmentDirectory, i: number): IdRow[] {
  const { kernels } = file
  const chunks = Array.from({ length: directory.chunkCount }, (_, chunk) => chunk).filter(
    (chunk) => directory.pages[chunk] === i,
  )
  const shape = {
    rowCount: directory.pageRowCounts[i]!,
    codec: directory.codecs[i]!,
    minStartUs: directory.minStartsUs[i]!,
    maxStartUs: directory.maxStartsUs[i]!,
    minDurationNs: directory.minDurationsNs[i]!,
    maxDurationNs: directory.maxDurationsNs[i]!,
    errorCount: directory.pageErrorCounts[i]!,
  }
  const { rowCount } = shape
  const u32s = kernels.allocate(decodedSizeBytes(rowCount, 4))
  const f64s = kernels.allocate(decodedSizeBytes(rowCount, 8))
  const page = (offsets: Float64Array, sizes: Uint32Array) => part(file, offsets[i]!, sizes[i]!)
  const longs = decodeDurationPage(
    page(directory.durationOffsets, directory.durationSizes),
    shape,
    u32s,
  )
  const durations = Array.from(kernels.u32.subarray(u32s / 4, u32s / 4 + rowCount))
  longs?.rows.forEach((row, n) => (durations[row] = longs.durationsNs[n]!))
  const errors = decodeErrorPage(page(directory.errorOffsets, directory.errorSizes), shape)
  const types = new Array<number>(rowCount).fill(0)
  errors.rows.forEach((row, n) => (types[row] = errors.types[n]!))
  const startPage = page(directory.startOffsets, directory.startSizes)
  const plain = chunks.flatMap((chunk) => {
    const first = directory.firstRows[chunk]!
    const count = directory.rowCounts[chunk]!
    if (directory.isShared[i] === 0) decodeStartPage(startPage, shape, f64s, u32s)
    else {
      const highGaps = f64s + decodedSizeBytes(rowCount, 4)
      decodeGaps(startPage, shape, u32s, highGaps)
      addUpGaps(startPage, shape, first, count, u32s, highGaps, f64s)
    }
    const starts = Array.from(kernels.f64.subarray(f64s / 8, f64s / 8 + count))
    return starts.map((start, row): IdRow => {
      return [directory.functionIds[chunk]!, start, durations[first + row]!, types[first + row]!]
    })
  })
  if (directory.details === undefined) return plain
  const { weights } = directory.details
  const rowWeights = chunks.flatMap((chunk) =>
    new Array<number>(directory.rowCounts[chunk]!).fill(weights[chunk]!),
  )
  return withDetails(file, directory.details, i, plain, rowWeights, u32s)
}

function withDetails(
  file: FileBytes,
  columns: DetailColumns,
  i: number,
  rows: readonly IdRow[],
  weights: readonly number[],
  scratch: number,
): IdRow[] {
  const sizeBytes = columns.pageSizes[i]!
  const page = sizeBytes === 0 ? undefined : part(file, columns.pageOffsets[i]!, sizeBytes)
  const durationsNs = Float64Array.from(rows, ([, , durationNs]) => durationNs)
  const sumNs = columns.childrenSumsHigh[i]! * 2 ** 32 + columns.childrenSumsLow[i]!
  const details = page && decodeDetailsPage(page, durationsNs, sumNs, scratch)
  const opened = page && openAttributes(page, rows.length, unguarded(file.kernels))
  const attributes = new Map(opened)
  expectSameAttributes(attributes, opened, rows.length)
  return rows.map((row, n) =>
    idRowOf(row, {
      context: details?.contexts?.[n] ?? 0,
      childrenNs: details?.childrenNs?.[n] ?? 0,
      weight: weights[n]!,
      attributes: textOf(attributes.get(n)),
    }),
  )
}

/** Tools of attributes whose damage is thrown. */
export function unguarded(kernels: Kernels): AttributeTools {
  return { guard: (decode) => decode(), pfor: new PforReader(kernels) }
}

/** Walking over the attributes and asking for one row must come to the same. */
function expectSameAttributes(
  all: Map<number, Uint8Array>,
  one: RowAttributes | undefined,
  rowCount: number,
): void {
  for (let row = rowCount - 1; row >= 0; row--) {
    if (textOf(one?.get(row)) !== textOf(all.get(row))) throw new Error(`attributes of row ${row}`)
  }
}

export function readNames(folder: string, kernels = loadFallbackKernels()): Names {
  const path = join(folder, 'dict')
  const file = fileBytes(kernels, readFileSync(path), path)
  const names: Names = { functions: new Map(), errorTypes: new Map(), places: new Map() }
  decodeDictionaryHeader(file)
  scanDictionary(file, DICTIONARY_HEADER_SIZE_BYTES, {
    final: true,
    onEntry: (kind, id, name) => {
      if (kind === KIND_FUNCTION) names.functions.set(id, name)
      else if (kind === KIND_ERROR_TYPE) names.errorTypes.set(id, name)
      else names.places.set(id, name)
    },
    onFault: (fault) => {
      if (fault.code !== 'KRONICLER_TORN') throw fault
    },
  })
  return names
}

/** All rows of a writer's folder: sealed ones, then those of logs that no segment covers. */
export function readFolder(folder: string, kernels = loadFallbackKernels()): IdRow[] {
  const files = readdirSync(folder).sort()
  const rows: IdRow[] = []
  const sealed = new Set<number>()
  const open = (name: string) =>
    fileBytes(kernels, readFileSync(join(folder, name)), join(folder, name))
  for (const name of files) {
    const interval = parseSegmentFileName(name)
    if (interval === undefined) continue
    for (let sequence = interval.low; sequence <= interval.high; sequence++) sealed.add(sequence)
    for (const row of readSegment(open(name)).rows) rows.push(row)
  }
  const slots = new SlotSequences()
  for (const name of files) {
    const sequence = parseWalFileName(name)
    if (sequence === undefined || sealed.has(sequence)) continue
    const file = open(name)
    if (file.sizeBytes < WAL_HEADER_SIZE_BYTES) continue // a crash right after it was created
    const found = readWal(file, slots, (fault) => {
      if (fault.code !== 'KRONICLER_TORN') throw fault
    })
    for (const row of found) rows.push(row)
  }
  return rows
}

/** All rows of a database by name, sorted. */
export function readDatabase(root: string): NamedRow[] {
  const rows: NamedRow[] = []
  for (const name of readdirSync(root).filter(isWriterFolder)) {
    const folder = join(root, name)
    const { functions, errorTypes } = readNames(folder)
    for (const [functionId, startUs, durationNs, type] of readFolder(folder)) {
      const error = type === 0 ? null : (errorTypes.get(type) ?? `(unknown error ${type})`)
      const called = functions.get(functionId) ?? `(unknown function ${functionId})`
      rows.push([called, startUs, durationNs, error])
    }
  }
  return sortRows(rows)
}

/** By every column, so that two lists with the same rows are equal. */
export function sortRows<Row extends readonly unknown[]>(rows: Row[]): Row[] {
  return rows
    .map((row) => ({ row, key: JSON.stringify(row) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ row }) => row)
}

function rethrow(fault: CorruptionError): void {
  throw fault
}
