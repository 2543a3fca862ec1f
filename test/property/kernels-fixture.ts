/**
 * Both forms of the kernels with the same areas at the same addresses, and the means to compare them.
 *
 * Every area lies between guards: a kernel that writes outside its area changes a guard.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import {
  type Kernels,
  loadFallbackKernels,
  loadKernels,
} from '../../src/database/kernels/kernels.ts'

export const MAX_VALUES = 4096
const GUARD_SIZE_BYTES = 1024
const GUARD_BYTE = 0xa5

export interface Area {
  start: number
  sizeBytes: number
}

const kernels = [loadKernels(), loadFallbackKernels()] as const
const guards: Area[] = []

/** An area of both memories, with a guard behind it (and the guard of the area before in front). */
export function area(sizeBytes: number): Area {
  const [start, fallbackStart] = kernels.map((k) => k.allocate(sizeBytes + GUARD_SIZE_BYTES))
  expect(start).toBe(fallbackStart)
  const guard = { start: start! + sizeBytes, sizeBytes: GUARD_SIZE_BYTES }
  for (const k of kernels) bytesOf(k, guard).fill(GUARD_BYTE)
  guards.push(guard)
  return { start: start!, sizeBytes }
}

/**
 * Runs `run` with each form after `prepare`, expects the same result (to the last bit), the same bytes in `outputs`
 * and untouched guards. Before it, `outputs` are filled with one byte.
 *
 * @returns the result, and the WebAssembly form's kernels to look at its memory
 */
export function onBoth<T>(
  outputs: readonly Area[],
  prepare: (k: Kernels) => void,
  run: (k: Kernels) => T,
): { result: T; k: Kernels } {
  const [wasm, fallback] = kernels.map((k) => {
    for (const output of outputs) bytesOf(k, output).fill(0x3c)
    prepare(k)
    return run(k)
  }) as [T, T]
  expect(wasm).toBe(fallback)
  for (const output of outputs) expectSameBytes(output)
  for (const k of kernels) expectGuards(k)
  return { result: wasm, k: kernels[0] }
}

export function bytesOf(k: Kernels, { start, sizeBytes }: Area): Uint8Array {
  return k.u8.subarray(start, start + sizeBytes)
}

function expectSameBytes(output: Area): void {
  const [wasm, fallback] = kernels.map((k) => Buffer.from(bytesOf(k, output))) as [Buffer, Buffer]
  if (!wasm.equals(fallback)) expect(wasm).toEqual(fallback) // says which byte
}

function expectGuards(k: Kernels): void {
  for (const guard of guards) {
    const damaged = bytesOf(k, guard).findIndex((byte) => byte !== GUARD_BYTE)
    if (damaged < 0) continue
    bytesOf(k, guard).fill(GUARD_BYTE) // or every later run fails too
    expect.fail(`${k.kind} wrote to ${guard.start + damaged}, outside its area`)
  }
}

const u32 = fc.integer({ min: 0, max: 0xffffffff })

/** Sizes around the borders of vectors and blocks, and others. */
export const sizes = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: MAX_VALUES }),
  fc.constantFrom(0, 1, 3, 4, 5, 15, 16, 17, 127, 128, 129, 255, 256, 257, MAX_VALUES),
)

/** Any u32 (shrinks well), and long columns of one width with outliers, as durations are. */
export const columns: fc.Arbitrary<Uint32Array> = fc.oneof(
  fc
    .array(fc.oneof(u32, fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff)), {
      maxLength: 300,
    })
    .map((values) => Uint32Array.from(values)),
  fc
    .record({
      n: sizes,
      width: fc.integer({ min: 0, max: 32 }),
      outlierWidth: fc.integer({ min: 0, max: 32 }),
      outlierShare: fc.constantFrom(0, 0, 0.01, 0.1, 0.3, 0.5, 0.9),
      seed: u32,
    })
    .map(({ n, width, outlierWidth, outlierShare, seed }) => {
      const random = randomOf(seed)
      return Uint32Array.from({ length: n }, () =>
        Math.floor(random() * 2 ** (random() < outlierShare ? outlierWidth : width)),
      )
    }),
)

/** Mulberry32: uniform in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
