/**
 * @module database/arena
 * Areas of the kernels' memory that are given back and used again. The kernels themselves only ever hand out.
 */
import type { Kernels } from './kernels/kernels.ts'

const SMALLEST_BYTES = 1024

/** An area: `pointer` is a multiple of 64; its content is whatever was there before. */
export interface Area {
  pointer: number
  sizeBytes: number // at least what was asked for
}

/** Sizes are rounded up to a power of two or one and a half of it, so that freed areas fit again. */
export class Arena {
  readonly #kernels: Kernels
  readonly #free = new Map<number, number[]>() // pointers by size

  constructor(kernels: Kernels) {
    this.#kernels = kernels
  }

  take(sizeBytes: number): Area {
    const rounded = roundUp(sizeBytes)
    const pointer = this.#free.get(rounded)?.pop() ?? this.#kernels.allocate(rounded)
    return { pointer, sizeBytes: rounded }
  }

  give(area: Area): void {
    const pointers = this.#free.get(area.sizeBytes)
    if (pointers === undefined) this.#free.set(area.sizeBytes, [area.pointer])
    else pointers.push(area.pointer)
  }

  /** The area itself if it is large enough, else another one; the content is lost. */
  resize(area: Area, sizeBytes: number): Area {
    if (area.sizeBytes >= sizeBytes) return area
    this.give(area)
    return this.take(sizeBytes)
  }
}

function roundUp(sizeBytes: number): number {
  let size = SMALLEST_BYTES
  while (size < sizeBytes) {
    if (1.5 * size >= sizeBytes) return 1.5 * size
    size *= 2
  }
  return size
}
