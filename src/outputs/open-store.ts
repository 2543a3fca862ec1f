/**
 * @module outputs/open-store
 * Which store belongs to which kind of output.
 */
import type { OutputDescriptor } from '../types.ts'
import type { OutputStore } from './output.ts'
import { PostgresStore } from './postgres/store.ts'
import { SqliteStore } from './sqlite/store.ts'

/** @throws {KroniclerError} KRONICLER_DRIVER, KRONICLER_OUTPUT; the driver's error */
export async function openStore(descriptor: OutputDescriptor): Promise<OutputStore> {
  switch (descriptor.kind) {
    case 'sqlite':
      return new SqliteStore(descriptor)
    case 'postgres':
      return PostgresStore.open(descriptor)
  }
}
