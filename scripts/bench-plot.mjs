/**
 * Draws how answers grow, from the rows of the suite scale, as SVG: both axes logarithmic, a colour for each question,
 * whole lines for Kronicler and dashed ones for DuckDB.
 */

/**
 * @typedef {{ name: string, value: number }} Row
 * @typedef {{ x: number, y: number }} Point
 * @typedef {{ label: string, colour: string, dashed: boolean, points: Point[] }} Line
 */

const WIDTH = 760
const HEIGHT = 420
const LEFT = 60
const RIGHT = 190
const TOP = 40
const BOTTOM = 50
const COLOURS = ['#1b6ac9', '#c2410c', '#15803d', '#7e22ce', '#b91c1c', '#0e7490']
const UNITS = { k: 1e3, M: 1e6, G: 1e9 }

/** Questions about set A by the number of rows. @param {Row[]} rows */
export function plotByRows(rows) {
  const questions = ['one-function', 'all-functions', 'series-200', 'top-100', 'scan', 'exact-p99']
  const lines = linesOf(questions, (who, question) =>
    rows.flatMap(({ name, value }) => {
      const [, size] = name.split(`${who}/${question}-`)
      return size === undefined || !/^\d+[kMG]?$/.test(size)
        ? []
        : [{ x: numberOf(size), y: value }]
    }),
  )
  return plot('Time of an answer by rows, 60 functions', 'rows', lines)
}

/** Questions by the number of functions, 10 M rows each. @param {Row[]} rows */
export function plotByFunctions(rows) {
  const sets = [
    { functions: 60, suffix: '', all: 'all-functions' },
    { functions: 3000, suffix: '-of-3k', all: 'all-3k-functions' },
    { functions: 20_000, suffix: '-of-20k', all: 'all-20k-functions' },
  ]
  const questions = ['one-function', 'all-functions', 'series-200', 'top-100', 'scan']
  const lines = linesOf(questions, (who, question) =>
    sets.flatMap(({ functions, suffix, all }) => {
      const what = question === 'all-functions' ? all : question + suffix
      const row = rows.find(({ name }) => name === `${who}/${what}-10M`)
      return row === undefined ? [] : [{ x: functions, y: row.value }]
    }),
  )
  return plot('Time of an answer by functions, 10 million rows', 'functions', lines)
}

/** @param {string[]} questions @param {(who: string, question: string) => Point[]} pointsOf */
function linesOf(questions, pointsOf) {
  return questions.flatMap((question, i) =>
    ['kronicler', 'duckdb'].map((who) => ({
      label: question,
      colour: COLOURS[i % COLOURS.length] ?? '#000',
      dashed: who !== 'kronicler',
      points: pointsOf(who, question).sort((a, b) => a.x - b.x),
    })),
  )
}

/** @param {string} title @param {string} xLabel @param {Line[]} all */
function plot(title, xLabel, all) {
  const lines = all.filter(({ points }) => points.length > 0)
  const points = lines.flatMap((line) => line.points)
  const x = scale(
    points.map((point) => point.x),
    LEFT,
    WIDTH - RIGHT,
  )
  const y = scale(
    points.map((point) => point.y),
    HEIGHT - BOTTOM,
    TOP,
  )
  const grid = [
    ...x.ticks.map((at) => vertical(x.place(at), shortCount(at))),
    ...y.ticks.map((at) => horizontal(y.place(at), `${at} ms`)),
  ]
  const legend = lines
    .filter((line, i) => lines.findIndex(({ label }) => label === line.label) === i)
    .map(({ label, colour }, i) => {
      const at = TOP + 10 + 20 * i
      return `<line x1="${WIDTH - RIGHT + 15}" y1="${at}" x2="${WIDTH - RIGHT + 40}" y2="${at}" stroke="${colour}" stroke-width="2"/>
${text(WIDTH - RIGHT + 46, at + 4, label)}`
    })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${text(LEFT, 22, `${title}: Kronicler (whole lines), DuckDB (dashed)`, 14)}
${grid.join('\n')}
${lines.map(drawn).join('\n')}
${legend.join('\n')}
${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, xLabel)}
</svg>
`
  /** @param {Line} line */
  function drawn({ points: own, colour, dashed }) {
    const places = own.map((point) => `${round(x.place(point.x))},${round(y.place(point.y))}`)
    const dots = places.map((place) => {
      const [cx, cy] = place.split(',')
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`
    })
    const dash = dashed ? ' stroke-dasharray="5 4" stroke-opacity="0.7"' : ''
    return `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>${dots.join('')}`
  }
}

/** Powers of ten around the values. @param {number[]} values @param {number} from @param {number} to */
function scale(values, from, to) {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  const ticks = Array.from({ length: high - low + 1 }, (_, i) =>
    Number((10 ** (low + i)).toPrecision(1)),
  )
  const place = (/** @type {number} */ value) =>
    from + ((Math.log10(value) - low) / (high - low)) * (to - from)
  return { ticks, place }
}

/** @param {number} at @param {string} label */
function vertical(at, label) {
  return `<line x1="${round(at)}" y1="${TOP}" x2="${round(at)}" y2="${HEIGHT - BOTTOM}" stroke="#ddd"/>
${text(at - 10, HEIGHT - BOTTOM + 18, label)}`
}

/** @param {number} at @param {string} label */
function horizontal(at, label) {
  return `<line x1="${LEFT}" y1="${round(at)}" x2="${WIDTH - RIGHT}" y2="${round(at)}" stroke="#ddd"/>
${text(4, at + 4, label)}`
}

/** @param {number} x @param {number} y @param {string} content @param {number} [size] */
function text(x, y, content, size = 12) {
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" fill="#333">${content}</text>`
}

/** @param {string} size such as 10M */
export function numberOf(size) {
  const unit = /** @type {keyof typeof UNITS} */ (size.at(-1))
  return Number.parseFloat(size) * (UNITS[unit] ?? 1)
}

/** @param {number} count */
function shortCount(count) {
  if (count >= 1e9) return `${count / 1e9} G`
  if (count >= 1e6) return `${count / 1e6} M`
  return count >= 1000 ? `${count / 1000} k` : String(count)
}

/** @param {number} value */
function round(value) {
  return Math.round(10 * value) / 10
}
