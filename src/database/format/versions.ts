/**
 * @module database/format/versions
 * Every version number, magic number and codec number of the files on disk. The full text is docs/format/.
 *
 * A version is raised when a reader of the older version would misread the file. A reader refuses a newer version
 * with KRONICLER_VERSION and keeps reading every older one.
 */

export const DIRECTORY_VERSION = 1
export const DICTIONARY_VERSION = 1
export const WAL_VERSION = 1
export const WAL_FRAME_VERSION = 1
export const SEGMENT_VERSION = 2
export const COUNTERS_VERSION = 1
export const CONTROL_VERSION = 1
export const ROLL_UP_VERSION = 1
export const SPOOL_VERSION = 1

/** Magic numbers, u32 little-endian: the four letters stand in file order. */
export const DICTIONARY_MAGIC = magicOf('KRDC')
export const DICTIONARY_FRAME_MAGIC = magicOf('KRDF')
export const WAL_MAGIC = magicOf('KRWL')
export const WAL_FRAME_MAGIC = magicOf('KRWF')
export const SEGMENT_MAGIC = magicOf('KRSG')
export const COUNTERS_MAGIC = magicOf('KRCN')
export const SEGMENT_FOOTER_MAGIC = magicOf('KRSF')
export const ROLL_UP_MAGIC = magicOf('KRRU')
export const ROLL_UP_BLOCK_MAGIC = magicOf('KRRB')
export const SPOOL_MAGIC = magicOf('KRSP')

/** Codecs of a duration page: bits 0-3 of a chunk's codec byte. */
export const DURATION_CODEC_PFOR = 0
export const DURATION_CODEC_HUFFMAN = 1 // since segment version 2

/** Codecs of a start page: bits 4-6 of a chunk's codec byte. */
export const START_CODEC_PFOR = 0 // 32-bit gaps
export const START_CODEC_VARINT = 1 // some gap is 2^32 µs or more; only in segments of version 1
export const START_CODEC_HUFFMAN = 2 // 32-bit gaps; since segment version 2
export const START_CODEC_WIDE = 3 // some gap is 2^32 µs or more; since segment version 2

/** The bits of a chunk's codec byte that are used in a segment of version 1. */
export const CODEC_BITS_V1 = 0x90

/** Bit 7 of a chunk's codec byte: the duration page ends with a list of durations of 2^32 - 1 ns and more. */
export const CHUNK_FLAG_LONG = 0x80

/** Codecs of the three columns of a details page: its first three bytes. 0: all rows have the default. */
export const DETAILS_CODEC_ABSENT = 0
export const CONTEXTS_CODEC_CONSTANT = 1
export const CONTEXTS_CODEC_DICTIONARY = 2 // PFOR of places in a list of the contexts that there are
export const CONTEXTS_CODEC_PFOR = 3
export const CHILDREN_CODEC_CONSTANT = 1
export const CHILDREN_CODEC_PFOR = 2
export const CHILDREN_CODEC_SELF_PFOR = 3 // of durationNs - childrenNs
export const CHILDREN_CODEC_VARINT = 4
export const ATTRIBUTES_CODEC_BLOCKS = 1 // up to segment version 1
export const ATTRIBUTES_CODEC_SHREDDED = 2

/** Which form the rows of a chunk's attributes have. */
export const PLACES_CODEC_CONSTANT = 0
export const PLACES_CODEC_PFOR = 1

/** Codecs of the values of one attribute. */
export const VALUES_CODEC_CONSTANT = 0
export const VALUES_CODEC_DICTIONARY = 1
export const VALUES_CODEC_NUMBERS = 2
export const VALUES_CODEC_WIDE_NUMBERS = 3 // they span 2^32 and more
export const VALUES_CODEC_HEX = 4
export const VALUES_CODEC_TEXTS = 5

/** Codecs of a block of texts. */
export const TEXTS_CODEC_STORED = 0
export const TEXTS_CODEC_BROTLI = 1

/** Codecs of a block of attributes. */
export const BLOCK_CODEC_STORED = 0
export const BLOCK_CODEC_DEFLATE = 1

function magicOf(letters: string): number {
  let magic = 0
  for (let i = 3; i >= 0; i--) magic = magic * 256 + letters.charCodeAt(i)
  return magic
}
