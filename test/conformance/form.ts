/**
 * What the suite is made of: forms (ways in which a function can stand in a program) and behaviours (what a program can
 * see of it). Every behaviour is observed on the bare and on the captured form, and has to look the same.
 */
import type { CaptureDecorator } from 'kronicler'
import type { DifferenceId } from './known-differences.ts'

export type AnyFunction = (this: unknown, ...args: never[]) => unknown

/** What a form's code sees at a call. */
export interface Seen {
  self: unknown
  args: unknown[] // the arguments object's elements; the rest parameters where an arrow has no `arguments`
  parameters: unknown[] // values of the named ones
  newTarget: unknown
}

/** What the code inside of a form does. */
export type Body = (seen: Seen) => unknown

/** With what the forms are made: things that capture, or the same things that do nothing. */
export interface Kit {
  name: string
  /** Frames of the package, and of Node's storage that it uses, on the stack of a call. */
  frames: (form: Form) => number
  /** Whether calls are recorded at the moment. */
  records: boolean
  /** A wrapper of functions and classes, and a decorator of their members in both modes. */
  wrap: CaptureDecorator
  wrapCallback: <F extends AnyFunction>(fn: F) => F
}

export interface Subject {
  fn: AnyFunction
  /** `this` of a call at the place where the form belongs. */
  receiver: unknown
  /** Calls it as its users do: by its property, with `new`, by an assignment. */
  use: (...args: unknown[]) => unknown
}

export interface Form {
  name: string
  make: (body: Body, kit: Kit) => Subject
  /** Whose rules its `this` follows; 'fixed': an arrow or a bound function, the receiver does not matter. */
  mode: 'strict' | 'sloppy' | 'fixed'
  kind: 'sync' | 'async' | 'generator' | 'async generator'
  isConstructor: boolean
  /** False for a setter. */
  returns: boolean
  isCallbackStyle: boolean
  /** A bound function or a proxy, whose text is not its target's. */
  isOpaque: boolean
}

export type Make = (body: Body, prepare?: (fn: AnyFunction) => void) => Subject

export interface Behaviour {
  name: string
  /** Which forms have it (default: all). */
  of?: (form: Form) => boolean
  /** Plain data, compared by `toEqual`. */
  observe: (make: Make, form: Form) => unknown
  /** Where the captured form is known to differ: see known-differences.ts. */
  differences?: readonly ExpectedDifference[]
}

export interface ExpectedDifference {
  id: DifferenceId
  of?: (form: Form, kit: Kit) => boolean
  /** What is observed of the captured form, given what is observed of the bare one. */
  adjust: (bare: never, form: Form, kit: Kit) => unknown
}
