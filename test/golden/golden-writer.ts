/**
 * @module golden/golden-writer
 * What the scripts that wrote the golden databases share: where they write, as whom, and errors' ids.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import type { WriterIdentity } from '../../src/database/format/directory.ts'
import { toColumns } from '../support/arbitrary-rows.ts'
import type { IdRow } from '../support/read-folder.ts'

const CREATED_MS = Date.UTC(2024, 0, 2, 3, 4, 5, 678)

/** @param script URL of the script: the database goes beside it, or to its first argument */
export function targetOf(script: string): string {
  const target = process.argv[2] ?? fileURLToPath(new URL('db', script))
  if (existsSync(target)) throw new Error(`${target} exists: golden files are only ever added`)
  return target
}

export function rowsOf(script: string): unknown {
  return JSON.parse(readFileSync(new URL('rows.json', script), 'utf8'))
}

export function createWriter(target: string, pid: number, random: number): DirectoryWriter {
  const identity: WriterIdentity = {
    pid,
    hostname: 'golden',
    bootId: '00000000-0000-0000-0000-000000000000',
    processStart: 1,
    createdMs: CREATED_MS,
    node: 'v20.0.0',
    kronicler: '0.1.0',
  }
  return DirectoryWriter.create(target, { identity, random, clock: () => CREATED_MS + 1000 })
}

/** Appends batches of one slot, one after the other. */
export function appender(writer: DirectoryWriter): (rows: IdRow[]) => void {
  let rowCount = 0
  return (rows) => {
    writer.append(toColumns(rows), { slot: 0, slotSequence: rowCount })
    rowCount += rows.length
  }
}

/** Gives classes of errors ids, in order of first use, and writes them to the dictionary. */
export class ErrorIds {
  readonly #writer: DirectoryWriter
  readonly #ids = new Map<string, number>()

  constructor(writer: DirectoryWriter) {
    this.#writer = writer
  }

  /** 0 for none. */
  idOf(error: string | null): number {
    if (error === null) return 0
    const known = this.#ids.get(error)
    if (known !== undefined) return known
    const id = this.#ids.size + 1
    this.#ids.set(error, id)
    this.#writer.appendNames(encodeDictionaryEntry(1, id, error))
    return id
  }
}
