/**
 * @module writer/control-follower
 * Applies the control file of the directory to this process, now and whenever it changes.
 */
import { ControlFileWatch } from '../control/file-watch.ts'
import { controlFilePath, toControlError } from '../control/control-file.ts'
import { SharedRules } from '../control/shared-rules.ts'
import { Controls } from '../queue/controls.ts'
import { RESERVED_IDS, type NameLog } from '../queue/name-log.ts'
import type { WriterSetup } from './queue-writer.ts'

/** How often to look for a change. */
const CONTROL_INTERVAL_MS = 1000

export class ControlFollower {
  readonly #path: string
  readonly #watch: ControlFileWatch
  readonly #rules: SharedRules
  #lookedMs = -Infinity

  constructor(setup: WriterSetup, names: NameLog, threadId: number) {
    const { directory, maxFunctions, memory } = setup
    const controls = new Controls(memory.controls, maxFunctions + RESERVED_IDS)
    this.#path = controlFilePath(directory)
    this.#watch = new ControlFileWatch(directory)
    this.#rules = new SharedRules(memory.rules, names, controls, threadId)
  }

  /**
   * Looks at the file if it is time to.
   *
   * @throws {KroniclerError} KRONICLER_CONTROL: it has changed and cannot be used; the rules before it hold on
   */
  follow(): void {
    const nowMs = Date.now()
    if (Math.abs(nowMs - this.#lookedMs) < CONTROL_INTERVAL_MS) return
    this.#lookedMs = nowMs
    this.#rules.settle()
    const change = this.#watch.look()
    if (change === undefined) return
    if ('error' in change) throw change.error
    try {
      this.#rules.change('file', () => change.rules)
    } catch (error) {
      throw toControlError(error, this.#path) // there are too many rules
    }
  }
}
