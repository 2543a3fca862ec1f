/**
 * @module database/scratch
 * A reusable area of the kernels' memory that grows. The kernels give nothing back, so it doubles, and takes a little
 * more than it needs: what comes next is often hardly larger. Nothing is resident that was never written to.
 */
import type { LogKernels } from './kernels/kernels.ts'

const ROOM_FACTOR = 1.125

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
      this.#sizeBytes = Math.max(Math.ceil(sizeBytes * ROOM_FACTOR), 2 * this.#sizeBytes)
      this.#pointer = this.#kernels.allocate(this.#sizeBytes)
    }
    return this.#pointer
  }
}
