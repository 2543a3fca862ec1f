/**
 * @module bench/merge/longest-steps
 * How long does work in the background hold up its thread, and which step of it? A step ends when the work says that it has
 * come a little further, where the writer stores rows in between, and when the event loop turns.
 */
import { nodeFiles, type FileLayer } from '../../src/database/file.ts'

const KEPT = 8
const CALLERS = 3
const MIN_TOLD_MS = 0.2

/** A stretch of work in which nobody else came to turn. */
export interface Step {
  ms: number
  end: string // where it ended: the functions that were running, or 'event loop'
  files: string // what of it was waiting for the file system
}

export class LongestSteps {
  /** The operating system's files, watched. */
  readonly files: FileLayer
  /** Of all steps. */
  readonly samplesMs: number[] = []
  #startedMs = performance.now()
  #longest: Step[] = []
  #operations = new Map<string, number>() // ms by name, of the step at hand
  #running = true

  constructor() {
    this.files = this.#watched(nodeFiles)
    this.#turn()
  }

  /** The longest ones, descending. */
  get longest(): readonly Step[] {
    return this.#longest
  }

  /** Called by the work between its steps. */
  readonly onTurn = (): void => {
    this.#end(callers)
  }

  stop(): void {
    this.#running = false
  }

  #turn(): void {
    this.#end(() => 'event loop')
    if (this.#running) setImmediate(() => this.#turn())
  }

  #end(place: () => string): void {
    const nowMs = performance.now()
    const ms = nowMs - this.#startedMs
    this.samplesMs.push(ms)
    if (this.#longest.length < KEPT || ms > this.#longest.at(-1)!.ms) {
      this.#longest.push({ ms, end: place(), files: told(this.#operations) })
      this.#longest.sort((a, b) => b.ms - a.ms)
      this.#longest.length = Math.min(this.#longest.length, KEPT)
    }
    this.#operations.clear()
    this.#startedMs = performance.now()
  }

  #watched(files: FileLayer): FileLayer {
    const entries = Object.entries(files).map(([name, run]) => [
      name,
      (...values: unknown[]): unknown => {
        const start = performance.now()
        try {
          return (run as (...all: unknown[]) => unknown)(...values)
        } finally {
          const ms = performance.now() - start
          this.#operations.set(name, (this.#operations.get(name) ?? 0) + ms)
        }
      },
    ])
    return Object.fromEntries(entries) as FileLayer
  }
}

function told(operations: ReadonlyMap<string, number>): string {
  return [...operations]
    .filter(([, ms]) => ms >= MIN_TOLD_MS)
    .map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
    .join(', ')
}

/** The functions that led here, the innermost first, without those that only count time. */
function callers(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1)
  const names = lines
    .map((line) => /at (?:async )?(\S+) /.exec(line)?.[1] ?? '')
    .filter((name) => name !== '' && !/LongestSteps|callers|Progress|Pace/.test(name))
  return names.slice(0, CALLERS).join(' < ')
}
