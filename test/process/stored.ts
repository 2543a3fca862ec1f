import { existsSync } from 'node:fs'
import { openDatabase } from 'kronicler/database'

/** What a directory holds, read without tolerance: a damaged part is thrown, a row that is torn would be seen. */
export async function storedCalls(
  directory: string,
): Promise<{ stored: number; dropped: number; functions: Record<string, number> }> {
  if (!existsSync(directory)) return { stored: 0, dropped: 0, functions: {} }
  const database = await openDatabase(directory)
  const functions = Object.fromEntries(
    (await database.functions()).map((one) => [one.function, one.calls]),
  )
  const counts = { stored: await database.count(), dropped: await database.dropped(), functions }
  await database.close()
  return counts
}

/** Numbers of the calls of fixtures/numbered-calls.mjs that are stored, ascending. */
export async function storedNumbers(directory: string): Promise<number[]> {
  const database = await openDatabase(directory)
  const rows = await database.slowest({ function: 'numbered', limit: 100_000 })
  await database.close()
  return rows.map((row) => row.durationNs).sort((a, b) => a - b)
}
