/**
 * @module kronicler/database
 * Stands in until the entry point is written.
 */
export { KERNELS_WASM_BASE64 } from './database/kernels/kernels.wasm.ts'
