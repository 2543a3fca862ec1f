/**
 * @module bench/capture/startup
 * A program that loads one tool and ends. Prints what it took, in ms: of Kronicler the first capture and the first call too.
 *
 *   node startup.mjs kronicler
 */
const [specifier] = process.argv.slice(2)
const start = performance.now()
const tool = await import(specifier)
const importMs = performance.now() - start
console.log(JSON.stringify({ import: importMs, ...(specifier === 'kronicler' ? first() : {}) }))

function first() {
  const before = performance.now()
  const captured = tool.capture(function work(x) {
    return x + 1
  })
  const capturedAt = performance.now()
  captured(1)
  return {
    'first-capture': capturedAt - before,
    'first-call': performance.now() - capturedAt,
  }
}
