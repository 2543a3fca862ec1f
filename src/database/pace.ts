/**
 * @module database/pace
 * How fast long work goes on: where it gives way to others, and where it ends because nobody wants it any more.
 */

/** Of a turn: what else the thread has to do waits no longer. */
const TURN_MS = 2

export interface PaceOptions {
  signal?: AbortSignal | undefined
  /** Called about every 2 ms, also within steps that cannot give way; must not throw. */
  onTurn?: (() => void) | undefined
  /** Time to be left to others after each turn (default: none but what they need). */
  rest?: ((workedMs: number) => Promise<void>) | undefined
}

export class Pace {
  readonly onTurn: (() => void) | undefined
  readonly #signal: AbortSignal | undefined
  readonly #rest: (workedMs: number) => Promise<void>
  #startedMs = performance.now()

  constructor({ onTurn, rest, signal }: PaceOptions = {}) {
    this.onTurn = onTurn
    this.#signal = signal
    this.#rest = rest ?? nextTurn
  }

  /** Ask between steps, and step() if so: an await for every step would cost more than the steps. */
  get isDue(): boolean {
    return performance.now() - this.#startedMs >= TURN_MS
  }

  /** Call between steps. @throws the signal's reason */
  async step(): Promise<void> {
    if (!this.isDue) return
    const workedMs = performance.now() - this.#startedMs
    this.#signal?.throwIfAborted()
    this.onTurn?.()
    await this.#rest(workedMs)
    this.#signal?.throwIfAborted()
    this.#startedMs = performance.now()
  }

  /** Waits without working. @throws the signal's reason */
  async wait(ms: number): Promise<void> {
    this.#signal?.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, ms))
    this.#signal?.throwIfAborted()
    this.#startedMs = performance.now()
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
