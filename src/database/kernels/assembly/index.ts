/**
 * The kernels in AssemblyScript: what the WebAssembly module exports. What each does stands in ../kernels.ts, and
 * ../fallback.ts is the same in TypeScript; the two must agree bit by bit.
 *
 * Nothing here allocates: the linear memory belongs to the loader, layout.ts says where the kernels' tables are.
 */
export { aggregate, squaredDeviations } from './aggregate'
export { countIds, narrow, nonZeroRows, scatterRows } from './columns'
export { deltaDecode, deltaEncode } from './delta'
export { countGreater, filterGreater } from './filter'
export { histogramEncode, histogramMerge, histogramMergeMany } from './histogram'
export {
  huffmanCount,
  huffmanDecode,
  huffmanDecodeFrom,
  huffmanMark,
  huffmanPack,
} from './huffman'
export { pforDecode, pforEncode } from './pfor'
export { pforCountBetween, pforSelectBetween } from './pfor-select'
export { xxh64, xxh64Low } from './xxh64'
