/**
 * @module database/scratch
 * A reusable area of the kernels' memory that grows. The kernels give nothing back, so it doubles.
 */
import type { LogKernels } from './kernels/kernels.ts'

export class Scratch {
  readonly #kernels: LogKernels
  #pointer = 0
  #sizeBytes = 0

  constructor(kernels: LogKernels) {
    this.#kernels = kernels
  }

  /** Room there is. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /**
   * Address of at least `sizeBytes`, a multiple of 64. What stood there before may be gone; the kernels' views may be
   * replaced.
   */
  reserve(sizeBytes: number): number {
    if (sizeBytes > this.#sizeBytes) {
      this.#sizeBytes = Math.max(sizeBytes, 2 * this.#sizeBytes)
      this.#pointer = this.#kernels.allocate(this.#sizeBytes)
    }
    return this.#pointer
  }
}
