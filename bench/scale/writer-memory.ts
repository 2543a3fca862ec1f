/**
 * @module bench/scale/writer-memory
 * How much memory does writing add to a process, and merging what it wrote?
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('writer.ts', import.meta.url))

/** Bytes that were resident at most, above those before the database was opened. */
export interface WriterMemory {
  'writer-memory': number
  'merge-memory': number
}

/** @param folder for the database, empty */
export async function writerMemoryBytes(
  folder: string,
  set: string,
  rows: number,
): Promise<WriterMemory> {
  const child = fork(PROGRAM, [folder, set, String(rows)])
  const exited = once(child, 'exit')
  const [memory] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => {
      throw new Error(`the writing process ended with ${code}`)
    }),
  ])) as [WriterMemory]
  await exited
  return memory
}
