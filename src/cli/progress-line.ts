/**
 * @module cli/progress-line
 * How far long work has come: one line on stderr that is written over, on a terminal only, and gone at the end.
 */
import { colorsOf, widthOf, type CliContext } from './context.ts'
import { formatShare } from './format.ts'
import { printable, truncate } from './text.ts'

const ERASE_LINE = '\r\u001b[2K'
const BAR_WIDTH = 20
/** Work that is done sooner needs no line. */
const FIRST_MS = 300

export class ProgressLine {
  readonly #context: CliContext
  readonly #startedMs = Date.now()
  #isShown = false

  constructor(context: CliContext) {
    this.#context = context
  }

  /** @param what is at hand */
  show(done: number, total: number, what: string): void {
    const { stderr } = this.#context
    if (stderr.isTTY !== true || Date.now() - this.#startedMs < FIRST_MS) return
    const share = total > 0 ? Math.min(1, done / total) : 1
    const filled = Math.floor(share * BAR_WIDTH)
    const bar = '━'.repeat(filled) + ' '.repeat(BAR_WIDTH - filled)
    const text = `${bar} ${formatShare(share).padStart(7)}  ${printable(what)}`
    // a full line would wrap on some terminals
    const line = truncate(text, Math.max(1, widthOf(stderr) - 1))
    const { dim } = colorsOf(stderr, this.#context)
    stderr.write(ERASE_LINE + dim(line))
    this.#isShown = true
  }

  /** Before anything else is written, and at the end. */
  clear(): void {
    if (this.#isShown) this.#context.stderr.write(ERASE_LINE)
    this.#isShown = false
  }
}
