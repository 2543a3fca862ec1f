/**
 * @module database/read/function-numbers
 * The numbers that a writer's function ids have in the whole database.
 */
import type { DirectoryReader } from './directory-reader.ts'
import type { FunctionTable } from './function-table.ts'

export class FunctionNumbers {
  readonly #directory: DirectoryReader
  readonly #table: FunctionTable
  readonly #numbers = new Map<number, number>()
  #redefinitions: number
  #namesVersion: number
  #hasNameless = false

  constructor(directory: DirectoryReader, table: FunctionTable) {
    this.#directory = directory
    this.#table = table
    this.#redefinitions = directory.dictionary.redefinitions
    this.#namesVersion = directory.dictionary.version
  }

  numberOf(id: number): number {
    const known = this.#numbers.get(id)
    if (known !== undefined) return known
    if (!this.#directory.dictionary.functions.has(id)) this.#hasNameless = true
    const number = this.#table.numberOf(this.#directory.functionName(id))
    this.#numbers.set(id, number)
    return number
  }

  /** Whether a number that was given out is not right any more: an id has got another name, or one at last. */
  get isOutdated(): boolean {
    const { redefinitions, version } = this.#directory.dictionary
    const isNamed = this.#hasNameless && version !== this.#namesVersion
    return redefinitions !== this.#redefinitions || isNamed
  }
}
