/**
 * Everything by which a captured function can be told from the bare one. The suite fails for a difference that is not on
 * this list, and for one on it that is none any more; docs/transparency.md says the same in the same words.
 */
export interface KnownDifference {
  what: string
  why: string
  /** Whether the table of behaviours shows it; otherwise differences.test.ts does. */
  inTable: boolean
}

export const KNOWN_DIFFERENCES = {
  'two-functions': {
    what: 'The captured function is another object than your function. Code that still has the bare one (a function expression that calls itself by its own name, a listener that was added before) calls it unrecorded; `new.target` and `prototype.constructor` are the bare one; and a property that is set on one of them later is not seen on the other.',
    why: 'Functions cannot be changed in place.',
    inTable: false,
  },
  'own-toString': {
    what: 'A captured function has an own, non-enumerable property `toString`. It makes `String(captured)` the text of your function, which libraries send elsewhere or read parameter names from.',
    why: 'Nothing but a property can change the text, and more programs read it than list the hidden properties of a function.',
    inTable: true,
  },
  'source-text': {
    what: '`Function.prototype.toString.call(captured)` is the text of the wrapper, and so is what messages of the engine quote ("… could not be cloned").',
    why: 'The engine takes it from the code that runs. To replace `Function.prototype.toString` for everybody would be worse.',
    inTable: true,
  },
  'function-kind': {
    what: '`util.types.isAsyncFunction` and `isGeneratorFunction` say `false`, and `util.inspect` prints `[Function: load] AsyncFunction`. `instanceof`, `constructor.name` and `Object.prototype.toString` tell the kind as ever.',
    why: 'The wrapper would have to be an async function, which makes one more promise and throws nothing at once.',
    inTable: true,
  },
  'sloppy-arguments': {
    what: 'Of a function in sloppy mode, the own properties `arguments` and `caller` come after `prototype`, and are `null` also while it runs; `arguments.callee` is the bare function.',
    why: 'A wrapper in sloppy mode would cost 100 ns more a call and change `this`.',
    inTable: true,
  },
  'stack-frame': {
    what: 'Every captured call has a frame of the wrapper on the stack, in `error.stack` too: one, or two for a proxy and for `captureCallback`, up to five with `attributes`, `isError` or `parent`, and those of `next` for a generator. Where the engine would name a function by the property that holds it (`[as size]`), it does not.',
    why: 'A call that is measured has to go through something.',
    inTable: true,
  },
  'stack-depth': {
    what: 'Recursion ends in a RangeError at about a third of the depth (a fifth with `attributes` or `isError`, an eighth with `parent`), and so does a call with a hundred thousand arguments.',
    why: 'A captured call takes the frames of the wrapper besides its own, and its arguments are on more than one.',
    inTable: false,
  },
  'crash-report': {
    what: 'When an error that was thrown through a captured function ends the process, the line of source that Node prints above the report is the wrapper’s, `throw thrownByCapturedFunction`. The report itself, message and stack, is the same.',
    why: 'The class of the error can only be learned by catching it.',
    inTable: false,
  },
  'another-promise': {
    what: 'The promise of a captured function is derived from the one that your function has made: it has the same enumerable properties, but is not the same object (`===`, WeakMap), is not frozen if the other is, and lacks properties of its own that `for-in` does not show.',
    why: 'Listening to a promise on the side makes its rejection a handled one, and the program would never learn of it.',
    inTable: true,
  },
  microtask: {
    what: 'The caller of a function that gives a promise is told one microtask later.',
    why: 'That is what a derived promise takes.',
    inTable: true,
  },
  'handled-inside': {
    what: 'If a function that is not `async` handles the rejection of a promise itself and returns that promise, a caller who ignores it is told of an unhandled rejection. Return what `catch` gives, or capture an `async` function.',
    why: 'Nobody can see whether a promise is handled already.',
    inTable: false,
  },
  'async-hooks': {
    what: '`async_hooks` sees one promise more for each call that gives one. With `parent: true` an AsyncLocalStorage is in use, which puts symbols on all promises up to Node 22.',
    why: 'The derived promise is one; and only Node knows what goes on across an `await`.',
    inTable: false,
  },
  'another-callback': {
    what: 'What a function captured by `captureCallback` gets as its callback is another function with the same name, length and properties.',
    why: 'Its call is the end of the one that is recorded.',
    inTable: false,
  },
  'generator-methods': {
    what: 'After the first call of a captured generator function, its `prototype` object has own, non-enumerable methods `next`, `return` and `throw`; an iterator that inherits from another object has them itself.',
    why: 'The steps are calls of these, and the iterator stays the very same.',
    inTable: true,
  },
  'stream-emit': {
    what: 'With `stream: true`, a Node stream that a captured function returns has an own, non-enumerable method `emit` until it is over.',
    why: 'A listener instead would make the stream flow, or count as one that handles its errors.',
    inTable: false,
  },
  'traps-at-capture': {
    what: 'Capturing a proxy runs its traps: its name, kind and metadata are read. Calls do not.',
    why: 'The name is part of what is recorded.',
    inTable: false,
  },
} as const satisfies Record<string, KnownDifference>

export type DifferenceId = keyof typeof KNOWN_DIFFERENCES

/** Those that the table does not show. */
export type DifferenceOutsideTable = {
  [Id in DifferenceId]: (typeof KNOWN_DIFFERENCES)[Id]['inTable'] extends true ? never : Id
}[DifferenceId]
