/**
 * @module bench/capture/subjects
 * The functions that are called, and the loops that call them. All are compiled from text, each by itself: copies of
 * one closure share what V8 learns about them, and one contender would be measured with another's inlining.
 */

export type SyncSubject = (this: unknown, i: number, x: number) => number
export type AsyncSubject = (this: unknown, i: number, x: number) => Promise<number>
export type Subject = SyncSubject | AsyncSubject

/** With 16 functions that are called in turn (`async` too), or with one. */
export type Kind = 'sync-16' | 'sync-1' | 'async' | 'async-1'
export const KINDS: readonly Kind[] = ['sync-16', 'sync-1', 'async', 'async-1']

export function isAsync(kind: Kind): boolean {
  return kind.startsWith('async')
}

/** Calls one function after the other, `n` times; the number of functions is a power of two. */
export type Loop<T> = (functions: readonly Subject[], n: number) => T

/** 16 different functions, or one, that do next to nothing: what is left of a call is the overhead. */
export function createSubjects(kind: Kind): Subject[] {
  const prefix = isAsync(kind) ? 'async ' : ''
  return Array.from({ length: kind.endsWith('-1') ? 1 : 16 }, (_, k) => {
    const text = `${prefix}function subject${k}(i, x) { return (x ^ (i * ${2 * k + 3})) | 0 }`
    return compile(text) as Subject
  })
}

/** @param clocked two clock reads around every call, as the simplest of all measurements */
export function createLoop(kind: Kind, clocked: boolean): Loop<number> | Loop<Promise<number>> {
  const call = `x = ${isAsync(kind) ? 'await ' : ''}functions[i & mask](i, x)`
  const body = clocked
    ? `const start = performance.now(); ${call}; total += performance.now() - start`
    : call
  return compile(`
    ${isAsync(kind) ? 'async ' : ''}function loop(functions, n) {
      const mask = functions.length - 1
      let x = 0
      let total = 0
      for (let i = 0; i < n; i++) { ${body} }
      return x + total
    }`) as Loop<number> | Loop<Promise<number>>
}

let compiled = 0

/** @param text of a function */
function compile(text: string): unknown {
  // the comment keeps V8 from finding the text in its compilation cache
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see the top of the file
  return (new Function(`/* ${compiled++} */ return ${text.trim()}`) as () => unknown)()
}
