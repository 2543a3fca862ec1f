/**
 * @module bench/capture/subjects
 * The functions that are called, and the loops that call them. All are compiled from text, each by itself: copies of
 * one closure share what V8 learns about them, and one contender would be measured with another's inlining.
 */

export type SyncSubject = (this: unknown, i: number, x: number) => number
export type AsyncSubject = (this: unknown, i: number, x: number) => Promise<number>
export type GeneratorSubject = (this: unknown, i: number, x: number) => Iterator<number>
export type AsyncGeneratorSubject = (this: unknown, i: number, x: number) => AsyncIterator<number>
export type Subject = SyncSubject | AsyncSubject | GeneratorSubject | AsyncGeneratorSubject

/** With 16 functions that are called in turn (`async` and the generators too), or with one. */
export type Kind = 'sync-16' | 'sync-1' | 'async' | 'async-1' | 'generator' | 'async-generator'
export const CALL_KINDS: readonly Kind[] = ['sync-16', 'sync-1', 'async', 'async-1']
export const GENERATOR_KINDS: readonly Kind[] = ['generator', 'async-generator']

/** A generator gives so many. What is measured of generators is an item, and of functions a call. */
export const ITEMS = 64

export function isAsync(kind: Kind): boolean {
  return kind.startsWith('async')
}

/** Calls one function after the other, `n` times in all, or until there were `n` items: a multiple of `ITEMS`. */
export type Loop<T> = (functions: readonly Subject[], n: number) => T

/** 16 different functions, or one, that do next to nothing: what is left of a call is the overhead. */
export function createSubjects(kind: Kind): Subject[] {
  const prefix = isAsync(kind) ? 'async ' : ''
  return Array.from({ length: kind.endsWith('-1') ? 1 : 16 }, (_, k) => {
    const result = `(x ^ (i * ${2 * k + 3}`
    return compile(
      isGenerator(kind)
        ? `${prefix}function* subject${k}(i, x) {
            for (let k = 0; k < ${ITEMS}; k++) yield ${result} + k)) | 0
          }`
        : `${prefix}function subject${k}(i, x) { return ${result})) | 0 }`,
    ) as Subject
  })
}

/** @param clocked two clock reads around every call or item, as the simplest of all measurements */
export function createLoop(kind: Kind, clocked: boolean): Loop<number> | Loop<Promise<number>> {
  const [prefix, wait] = isAsync(kind) ? ['async ', 'await '] : ['', '']
  const started = 'const start = performance.now()'
  const ended = 'total += performance.now() - start'
  const body = isGenerator(kind)
    ? generatorBody()
    : `for (let i = 0; i < n; i++) {
        ${clocked ? started : ''}
        x = ${wait}functions[i & mask](i, x)
        ${clocked ? ended : ''}
      }`
  return compile(`
    ${prefix}function loop(functions, n) {
      const mask = functions.length - 1
      let x = 0
      let total = 0
      ${body}
      return x + total
    }`) as Loop<number> | Loop<Promise<number>>

  function generatorBody(): string {
    const generator = `functions[(i / ${ITEMS}) & mask](i, x)`
    const items = clocked
      ? `const generator = ${generator}
         for (;;) {
           ${started}
           const { done, value } = ${wait}generator.next()
           ${ended}
           if (done) break
           x = value
         }`
      : `for ${wait}(const item of ${generator}) x = item`
    return `for (let i = 0; i < n; i += ${ITEMS}) { ${items} }`
  }
}

function isGenerator(kind: Kind): boolean {
  return GENERATOR_KINDS.includes(kind)
}

let compiled = 0

/** @param text of a function */
function compile(text: string): unknown {
  // the comment keeps V8 from finding the text in its compilation cache
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see the top of the file
  return (new Function(`/* ${compiled++} */ return ${text.trim()}`) as () => unknown)()
}
