/**
 * Counts what a reader does, so that a test can say "it never hangs" and "it allocates in proportion to its files" without
 * looking at a clock: operations on files, calls of kernels, and bytes asked for by number.
 */
import { vi } from 'vitest'
import type { FileLayer } from '../../src/database/file.ts'
import type { Kernels } from '../../src/database/kernels/kernels.ts'

export interface Work {
  fileOperations: number
  kernelCalls: number
  allocatedBytes: number // of the kernels' memory, of typed arrays and of arrays, as far as their length was given
}

const work: Work = { fileOperations: 0, kernelCalls: 0, allocatedBytes: 0 }
let limit: Work | undefined

export class OverBudget extends Error {}

/** Does `task` and tells what it took. @throws {OverBudget} as soon as it takes more than `budget` */
export async function measured<T>(task: () => Promise<T>, budget?: Work): Promise<[T, Work]> {
  Object.assign(work, { fileOperations: 0, kernelCalls: 0, allocatedBytes: 0 })
  limit = budget
  try {
    return [await task(), { ...work }]
  } finally {
    limit = undefined
  }
}

function spend(what: keyof Work, amount: number): void {
  work[what] += amount
  if (limit !== undefined && !(work[what] <= limit[what])) {
    throw new OverBudget(`${what}: ${work[what]}`)
  }
}

export function countingFiles(files: FileLayer): FileLayer {
  const counted = { ...files }
  countMethods(counted, () => {
    spend('fileOperations', 1)
  })
  return counted
}

/** In place: a proxy would slow down every look at the memory. */
export function countingKernels(kernels: Kernels): Kernels {
  countMethods(kernels, (name, [sizeBytes]) => {
    spend('kernelCalls', 1)
    if (name === 'allocate') spend('allocatedBytes', sizeBytes as number)
  })
  return kernels
}

/** Replaces the constructors of arrays by ones that count, until `vi.unstubAllGlobals()`. */
export function countArrays(): void {
  const constructors = [
    ...[Uint8Array, Uint16Array, Uint32Array, Float64Array, BigUint64Array],
    ...[ArrayBuffer, Array],
  ]
  for (const original of constructors) {
    const bytesEach = 'BYTES_PER_ELEMENT' in original ? original.BYTES_PER_ELEMENT : 1
    const counted = new Proxy(original, {
      construct(target, args: unknown[], newTarget) {
        if (typeof args[0] === 'number') spend('allocatedBytes', args[0] * bytesEach)
        return Reflect.construct(target, args, newTarget) as object
      },
    })
    vi.stubGlobal(original.name, counted)
  }
}

/** Makes every method of the object, inherited ones too, tell that it is called. */
function countMethods(
  object: object,
  count: (name: string, args: readonly unknown[]) => void,
): void {
  const names = new Set<string>()
  for (let level: object | null = object; level !== null && level !== Object.prototype;) {
    for (const name of Object.getOwnPropertyNames(level)) names.add(name)
    level = Object.getPrototypeOf(level) as object | null
  }
  for (const name of names) {
    const method: unknown = Reflect.get(object, name)
    if (name === 'constructor' || typeof method !== 'function') continue
    const value = function (this: unknown, ...args: unknown[]): unknown {
      count(name, args)
      return Reflect.apply(method, this, args)
    }
    Object.defineProperty(object, name, { value, configurable: true, writable: true })
  }
}
