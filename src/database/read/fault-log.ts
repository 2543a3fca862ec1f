/**
 * @module database/read/fault-log
 * What happens to damage that a reader meets: it is reported, each fault once, or thrown.
 *
 * Without a listener the first corrupt part makes every question fail, also the later ones: an answer without the
 * rows that cannot be read would be a wrong one. With a listener whatever is readable is answered from.
 * A torn tail is what a crash leaves behind, not damage: it is reported and never thrown.
 */
import type { CorruptionError } from '../../errors.ts'

export type FaultListener = (fault: CorruptionError) => void

export class FaultLog {
  readonly #listener: FaultListener | undefined
  readonly #seen = new Set<string>()
  readonly #unreported: CorruptionError[] = []
  #fatal: CorruptionError | undefined

  constructor(listener: FaultListener | undefined) {
    this.#listener = listener
  }

  /** Takes note of a fault in the middle of work that must not be interrupted; follow with `flush()`. */
  add(fault: CorruptionError): void {
    const key = `${fault.code} ${fault.offset} ${fault.path} ${fault.reason}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    if (this.#listener !== undefined) this.#unreported.push(fault)
    else if (fault.code !== 'KRONICLER_TORN') this.#fatal ??= fault
  }

  /** Reports what was added. @throws {CorruptionError} there is no listener, and something is corrupt */
  flush(): void {
    for (const fault of this.#unreported.splice(0)) this.#listener?.(fault)
    if (this.#fatal !== undefined) throw this.#fatal
  }

  report(fault: CorruptionError): void {
    this.add(fault)
    this.flush()
  }
}
