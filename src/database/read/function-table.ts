/**
 * @module database/read/function-table
 * Functions of a whole database by number: the ids of different writers that have the same name are one function.
 */

export class FunctionTable {
  readonly names: string[] = []
  readonly #numbers = new Map<string, number>()

  /** The function's number; a name not seen before gets the next one. */
  numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const number = this.names.length
    this.names.push(name)
    this.#numbers.set(name, number)
    return number
  }

  find(name: string): number | undefined {
    return this.#numbers.get(name)
  }
}
