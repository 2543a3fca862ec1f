/**
 * @module cli/text
 * Text from a database on its way to a terminal. Function names and error classes come from programs: they may hold
 * escape sequences, line breaks, text that runs from right to left, and anything else.
 */

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Control and format characters: escape sequences, line breaks, marks that turn the direction of text, unassigned. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu
/** They draw nothing by themselves, and belong inside emoji. */
const JOINERS = /\u200d|\ufe0f/u

const ZERO_WIDTH = /^(?:\p{Mn}|\p{Me}|\p{Cf}|\p{Variation_Selector})$/u
const EMOJI =
  /\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|\p{Regional_Indicator}{2}|[0-9#*]\ufe0f?\u20e3/u
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]/u

/** The text without anything that a terminal could take for a command; what was removed shows as `·`. */
export function printable(text: string): string {
  const cleaned = text
    .normalize('NFC')
    .replace(UNPRINTABLE, (character) => (JOINERS.test(character) ? character : '·'))
  return cleaned === '' ? '(empty)' : cleaned
}

/** Cells that the text takes on a terminal. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment)
  return width
}

function graphemeWidth(grapheme: string): number {
  if (EMOJI.test(grapheme) || WIDE.test(grapheme)) return 2
  let width = 0
  for (const character of grapheme) if (!ZERO_WIDTH.test(character)) width = 1
  return width
}

/** The text, or as much of its beginning and end as fits `width` cells, with `…` between. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (width <= 1) return width === 1 ? '…' : ''
  const parts = Array.from(graphemes.segment(text), ({ segment }) => segment)
  // the end of a name tells more than its middle: the method after the class, the file after the path
  const tailWidth = Math.floor((width - 1) / 3)
  const tail = takeWhile([...parts].reverse(), tailWidth)
    .reverse()
    .join('')
  const head = takeWhile(parts, width - 1 - displayWidth(tail)).join('')
  return `${head}…${tail}`
}

/** The text in lines of at most `width` cells, broken at spaces; a longer word is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    const joined = `${line ?? ''} ${word}`
    if (line !== undefined && displayWidth(joined) <= width) lines[lines.length - 1] = joined
    else lines.push(truncate(word, width))
  }
  return lines
}

function takeWhile(parts: string[], width: number): string[] {
  let used = 0
  const taken: string[] = []
  for (const part of parts) {
    used += graphemeWidth(part)
    if (used > width) break
    taken.push(part)
  }
  return taken
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text
}
