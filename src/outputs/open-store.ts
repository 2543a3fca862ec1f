/**
 * @module outputs/open-store
 * Which store belongs to which kind of output.
 */
import type { OutputDescriptor } from '../types.ts'
import { CONTROL_BYTES } from './cutter.ts'
import { DriverGuard } from './driver-guard.ts'
import type { OutputStore } from './output.ts'
import { PostgresStore } from './postgres/store.ts'
import { SqliteStore } from './sqlite/store.ts'

/**
 * @param guard of the thread that saves; none for whoever is not ended in the middle
 * @throws {KroniclerError} KRONICLER_DRIVER, KRONICLER_OUTPUT; the driver's error
 */
export async function openStore(
  descriptor: OutputDescriptor,
  guard = new DriverGuard(new SharedArrayBuffer(CONTROL_BYTES)),
): Promise<OutputStore> {
  switch (descriptor.kind) {
    case 'sqlite':
      return SqliteStore.open(descriptor, guard)
    case 'postgres':
      return PostgresStore.open(descriptor)
  }
}
