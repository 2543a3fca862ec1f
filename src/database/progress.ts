/**
 * @module database/progress
 * Lets long work on one thread be interrupted: the background thread drains its queue in between.
 */

/** The callback comes at least this often, give or take the longest step between two ticks. */
const INTERVAL_MS = 1.5

export class Progress {
  readonly #callback: (() => void) | undefined
  #lastMs = performance.now()

  constructor(callback: (() => void) | undefined) {
    this.#callback = callback
  }

  /** Call between steps. The callback may make the kernels' memory grow: fetch their views anew afterwards. */
  tick(): void {
    if (this.#callback === undefined) return
    const nowMs = performance.now()
    if (nowMs - this.#lastMs < INTERVAL_MS) return
    this.#callback()
    this.#lastMs = performance.now()
  }
}
