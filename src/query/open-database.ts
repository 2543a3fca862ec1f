/**
 * @module query/open-database
 * Opens a directory of calls for questions. Reading takes no locks and disturbs no writer.
 */
import type { FaultListener } from '../database/read/fault-log.ts'
import type { FileLayer } from '../database/file.ts'
import { Snapshot } from '../database/read/snapshot.ts'
import { checkOptionNames } from '../internal/check-options.ts'
import type { Database } from './database.ts'
import { EmbeddedDatabase } from './embedded-database.ts'

export interface OpenOptions {
  /**
   * Called once for every damaged part that is met; answers then come from whatever is readable. Without it the first
   * corrupt part is thrown, by this function or by the question that meets it. A torn tail, which a crash leaves
   * behind, has the code KRONICLER_TORN and is never thrown.
   */
  onFault?: FaultListener | undefined
  cacheSizeBytes?: number | undefined // pages kept in memory, encoded (default 64 MiB)
}

/**
 * @param directory as written by captured programs or a DatabaseWriter
 * @throws {KroniclerError} KRONICLER_NOT_FOUND: missing, or not a Kronicler directory; KRONICLER_IO
 * @throws {CorruptionError} something is damaged and there is no `onFault`
 */
export function openDatabase(directory: string, options: OpenOptions = {}): Promise<Database> {
  return new Promise((resolve) => {
    checkOpenOptions(directory, options)
    const { cacheSizeBytes, onFault } = options
    resolve(new EmbeddedDatabase(new Snapshot(directory, { cacheSizeBytes, onFault })))
  })
}

/** The same over another file layer, for tests. */
export function openDatabaseOn(
  files: FileLayer,
  directory: string,
  options: OpenOptions = {},
): Database {
  const { cacheSizeBytes, onFault } = options
  return new EmbeddedDatabase(new Snapshot(directory, { cacheSizeBytes, files, onFault }))
}

function checkOpenOptions(directory: string, options: OpenOptions): void {
  checkOptionNames(options, 'options', ['onFault', 'cacheSizeBytes'])
  const { cacheSizeBytes, onFault } = options
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError(`directory must be a path, not ${JSON.stringify(directory)}`)
  }
  if (onFault !== undefined && typeof onFault !== 'function') {
    throw new TypeError('onFault must be a function')
  }
  if (cacheSizeBytes !== undefined && !(cacheSizeBytes >= 0)) {
    throw new RangeError(`cacheSizeBytes must be at least 0, not ${String(cacheSizeBytes)}`)
  }
}
