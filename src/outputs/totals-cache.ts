/**
 * @module outputs/totals-cache
 * Rows of `metrics` as this connection has last written them, so that they need not be read back while nobody else writes. Bounded:
 * what does not fit is read from the database each time, so nothing that is there is thrown out for it.
 */
import type { StoredTotals } from './merge-row.ts'

const DEFAULT_LIMIT_BYTES = 16 * 2 ** 20
/** Of a row without its histogram, about. */
const ROW_BYTES = 600

export class TotalsCache {
  readonly #rows = new Map<string, StoredTotals>()
  readonly #limitBytes: number
  #sizeBytes = 0

  constructor(limitBytes = DEFAULT_LIMIT_BYTES) {
    this.#limitBytes = limitBytes
  }

  get(name: string): StoredTotals | undefined {
    return this.#rows.get(name)
  }

  set(name: string, row: StoredTotals): void {
    const before = this.#rows.get(name)
    const sizeBytes = this.#sizeBytes + sizeOf(row) - (before === undefined ? 0 : sizeOf(before))
    if (sizeBytes <= this.#limitBytes) {
      this.#rows.set(name, row)
      this.#sizeBytes = sizeBytes
    } else if (before !== undefined) {
      this.#rows.delete(name) // what is kept must not be old
      this.#sizeBytes -= sizeOf(before)
    }
  }

  clear(): void {
    this.#rows.clear()
    this.#sizeBytes = 0
  }
}

function sizeOf({ histogram }: StoredTotals): number {
  return ROW_BYTES + (histogram?.length ?? 0)
}
