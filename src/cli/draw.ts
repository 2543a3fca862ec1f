/**
 * @module cli/draw
 * Bars made of block characters, which are eight times finer than a cell.
 */

const RISING = ['', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const
const WIDENING = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'] as const
const EIGHTHS = 8

/**
 * Upright bars side by side, one cell wide. What is not zero is seen.
 *
 * @param shares of each bar in [0, 1]; NaN: there is none, which shows as a dot on the ground
 * @returns `height` lines, the top first, each as many cells wide as there are bars
 */
export function uprightBars(shares: readonly number[], height: number): string[] {
  const levels = shares.map((share) => eighthsOf(share, height))
  return Array.from({ length: height }, (_, line) => {
    const below = EIGHTHS * (height - 1 - line)
    return levels
      .map((level, i) => {
        if (Number.isNaN(shares[i])) return below === 0 ? '·' : ' '
        return RISING[Math.min(EIGHTHS, Math.max(0, level - below))] || ' '
      })
      .join('')
  })
}

/** A lying bar of at most `width` cells; what is not zero is seen. */
export function lyingBar(share: number, width: number): string {
  const level = eighthsOf(share, width)
  const whole = Math.floor(level / EIGHTHS)
  return WIDENING[EIGHTHS].repeat(whole) + WIDENING[level - whole * EIGHTHS]!
}

function eighthsOf(share: number, cells: number): number {
  if (!(share > 0)) return 0
  return Math.max(1, Math.round(Math.min(1, share) * cells * EIGHTHS))
}
