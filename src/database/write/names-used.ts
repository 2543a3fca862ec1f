/**
 * @module database/write/names-used
 * Which ids of functions and classes of errors the rows of a writer use, to be looked up in its dictionary at the end:
 * a name is written before the first row that needs it, so the dictionary is read after the rows.
 */
import { CorruptionError } from '../../errors.ts'

interface Use {
  path: string
  offset: number
}

/** The few columns of the dictionary that are needed. */
interface Names {
  functions: ReadonlyMap<number, string>
  errorTypes: ReadonlyMap<number, string>
}

export class NamesUsed {
  readonly #functions = new Map<number, Use>() // where it was used first
  readonly #errorTypes = new Map<number, Use>()
  #lastFunction = -1 // most rows are of the function of the row before, or follow an error of the same class

  useFunction(id: number, path: string, offset: number): void {
    if (id === this.#lastFunction) return
    this.#lastFunction = id
    if (!this.#functions.has(id)) this.#functions.set(id, { path, offset })
  }

  /** @param id 0: none known */
  useCaller(id: number, path: string, offset: number): void {
    if (id !== 0) this.useFunction(id, path, offset)
  }

  useErrorType(type: number, path: string, offset: number): void {
    if (!this.#errorTypes.has(type)) this.#errorTypes.set(type, { path, offset })
  }

  /** Ids without a name. */
  missingIds({ errorTypes, functions }: Names): { functions: number[]; errorTypes: number[] } {
    return {
      functions: [...this.#functions.keys()].filter((id) => !functions.has(id)),
      errorTypes: [...this.#errorTypes.keys()].filter((id) => !errorTypes.has(id)),
    }
  }

  /** One fault for every id without a name. */
  missingFrom({ errorTypes, functions }: Names): CorruptionError[] {
    const missing = (used: Map<number, Use>, names: ReadonlyMap<number, string>, what: string) =>
      [...used]
        .filter(([id]) => !names.has(id))
        .map(
          ([id, { offset, path }]) =>
            new CorruptionError(path, offset, `${what} ${id} has no name in the dictionary`),
        )
    return [
      ...missing(this.#functions, functions, 'function'),
      ...missing(this.#errorTypes, errorTypes, 'error type'),
    ]
  }
}
