/**
 * @module database/format/call-context
 * Who called a row's call, in one u32.
 *
 *   bits 0-19   id of the function that called it; 0: none known
 *   bits 20-30  depth: captured calls around it on its stack; 2047: that or more
 *   bit 31      it was asynchronous
 */

/** Greatest id that a calling function may have. */
export const MAX_PARENT_ID = 0xf_ffff

/** Depths from here on are not told apart. */
export const MAX_DEPTH = 2047

const DEPTH_SHIFT = 20
const ASYNC_BIT = 0x8000_0000

/**
 * @param parentId id of the function that called, 0 .. MAX_PARENT_ID; 0: none known
 * @param depth    whole, at least 0; kept up to MAX_DEPTH
 */
export function encodeContext(parentId: number, depth: number, isAsync: boolean): number {
  const bits = parentId | (Math.min(depth, MAX_DEPTH) << DEPTH_SHIFT)
  return (isAsync ? bits | ASYNC_BIT : bits) >>> 0
}

/** Id of the function that called; 0: none known. */
export function parentIdOf(context: number): number {
  return context & MAX_PARENT_ID
}

export function depthOf(context: number): number {
  return (context >>> DEPTH_SHIFT) & MAX_DEPTH
}

export function isAsyncContext(context: number): boolean {
  return context >>> 31 === 1
}
