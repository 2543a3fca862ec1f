/**
 * @module bench/soak/run
 * Runs the program, and holds what it counted against what is in the files.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openDatabase } from 'kronicler/database'
import type { MemorySample } from './growth.ts'

export interface SoakOptions {
  calls: number
  samples: number // taken of the memory, evenly over the calls
  directory: string // of the database
  captured: boolean // false: the same program without Kronicler
  segmentRows?: number // default: Kronicler's own
  nodeArgs?: readonly string[] // for node itself
  onSample?: (sample: MemorySample) => void
}

/** What the program says at its end. */
interface Counts {
  made: Record<string, number>
  dropped: number
  stored: number
  attributesDropped: number
  counted: Record<string, { calls: number; errors: number }> // by the metrics
}

/**
 * @returns samples of the program's memory
 * @throws {AssertionError} a call is missing in the metrics or in the files, or one too many is there
 */
export async function runSoak(options: SoakOptions): Promise<MemorySample[]> {
  const { nodeArgs = [], onSample, ...setup } = options
  const { calls, captured, directory, samples: wanted } = setup
  const child = spawn(
    process.execPath,
    [
      '--expose-gc',
      ...nodeArgs,
      fileURLToPath(new URL('./program.mjs', import.meta.url)),
      JSON.stringify(setup),
    ],
    { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  const samples: MemorySample[] = []
  let counts: Counts | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as MemorySample | Counts
    if ('made' in message) {
      counts = message
    } else {
      samples.push(message)
      onSample?.(message)
    }
  }
  const [code] = (await exited) as [number | null]
  assert.equal(code, 0, 'the program ends well')
  assert.equal(samples.length, wanted)
  const made = Object.values(counts!.made).reduce((sum, one) => sum + one, 0)
  assert.equal(made, calls)
  if (captured) await verify(directory, counts!, calls)
  return samples
}

const FAILING = ['fails', 'rejects']

async function verify(directory: string, counts: Counts, calls: number): Promise<void> {
  assert.equal(counts.stored + counts.dropped, calls, 'stored + dropped = calls')
  for (const [name, made] of Object.entries(counts.made)) {
    const expected = { calls: made, errors: FAILING.includes(name) ? made : 0 }
    assert.deepEqual(counts.counted[name], expected, `the metrics of ${name}`)
  }
  const database = await openDatabase(directory)
  assert.equal(await database.count(), counts.stored, 'what is stored is in the files')
  assert.equal(await database.dropped(), counts.dropped, 'what is dropped is counted in the files')
  if (counts.dropped === 0) {
    for (const { function: name, calls: rows, errors } of await database.functions()) {
      assert.deepEqual({ calls: rows, errors }, counts.counted[name], `the rows of ${name}`)
    }
  }
  await database.close()
}
