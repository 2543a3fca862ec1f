/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- types are all that is looked at here */

/** The same type, not only assignable to each other. */
export type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Does not compile unless its argument is `true`. */
export function assertTrue<_ extends true>(): void {
  // the compiler has already answered
}
