/**
 * @module capture/stack-room
 * Whether there is stack left for more than a few calls. A regular expression that is compiled at the very end of the
 * stack ends the whole process (V8: "RegExpCompiler Allocation failed"), and extractors of attributes use them: so they
 * are not called there.
 */

/**
 * As many arguments take 8 KiB of stack, which the engine claims, or refuses, in one piece. With 4 KiB, expressions of some
 * size still failed to compile; with 6 none did.
 */
const WORDS = new Array<number>(1024).fill(0)

function takesMany(): void {
  // the call is all
}

/** Costs about a third of a microsecond. Not needed where the stack is known to be empty. */
export function hasStackRoom(): boolean {
  try {
    Reflect.apply(takesMany, undefined, WORDS)
    return true
  } catch {
    return false
  }
}
