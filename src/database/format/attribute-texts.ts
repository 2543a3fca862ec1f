/**
 * @module database/format/attribute-texts
 * Texts of a chunk's attributes, numbered, in blocks that are compressed each by itself. Format v2; the full text is
 * docs/format/segment.md.
 *
 *   blockCount varint
 *   blockCount x { textCount varint | codec u8 | stored size varint | size varint }
 *   the blocks; before it is compressed, one is: size varint x textCount | texts
 */
import { Buffer } from 'node:buffer'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { CorruptionError } from '../../errors.ts'
import type { ValueMatcher } from './attribute-match.ts'
import { MAX_ATTRIBUTES_SIZE_BYTES } from './rows.ts'
import { VarintReader, writeVarint } from './varint.ts'
import { TEXTS_CODEC_BROTLI, TEXTS_CODEC_STORED } from './versions.ts'

/** A block takes no more texts once it has so many bytes of them. */
const BLOCK_TEXT_SIZE_BYTES = 65_536
/** One that is about to take the texts of another key ends before, so that neither is inflated for the other. */
const SHARED_TEXT_SIZE_BYTES = 4096
/** Smaller ones are stored as they are: setting up the compression would take longer than reading them ever saves. */
const COMPRESSED_TEXT_SIZE_BYTES = 128
const TEXT_SIZE_BOUND = 3 // bytes of the varint
const MAX_BLOCK_TEXTS = BLOCK_TEXT_SIZE_BYTES // none is empty
const MAX_BLOCK_SIZE_BYTES =
  BLOCK_TEXT_SIZE_BYTES + MAX_ATTRIBUTES_SIZE_BYTES + TEXT_SIZE_BOUND * MAX_BLOCK_TEXTS
/** Inflated blocks that are kept. */
const KEPT_SIZE_BYTES = 1 << 23

/** Puts texts into blocks. Used for one chunk after the other. */
export class TextsWriter {
  readonly #texts = new Uint8Array(BLOCK_TEXT_SIZE_BYTES + MAX_ATTRIBUTES_SIZE_BYTES)
  #usedBytes = 0
  #sizes: number[] = []
  #blocks: { textCount: number; codec: number; sizeBytes: number; stored: Uint8Array }[] = []
  #count = 0
  readonly #quality: number
  readonly #onBlock: () => void

  /**
   * @param quality of Brotli, 0 to 11
   * @param onBlock called after each block, which takes about a millisecond
   */
  constructor(quality: number, onBlock: () => void) {
    this.#quality = quality
    this.#onBlock = onBlock
  }

  /** Texts so far: the number of the next one. */
  get count(): number {
    return this.#count
  }

  /**
   * May call onBlock, at its end.
   *
   * @param sizeBytes 1..MAX_ATTRIBUTES_SIZE_BYTES
   */
  add(bytes: Uint8Array, pointer: number, sizeBytes: number): void {
    this.#texts.set(bytes.subarray(pointer, pointer + sizeBytes), this.#usedBytes)
    this.#usedBytes += sizeBytes
    this.#sizes.push(sizeBytes)
    this.#count++
    if (this.#usedBytes >= BLOCK_TEXT_SIZE_BYTES) this.#endBlock()
  }

  /** The texts that follow are of another kind. */
  endKind(): void {
    if (this.#usedBytes >= SHARED_TEXT_SIZE_BYTES) this.#endBlock()
  }

  /** @returns the list of the blocks, then each of them */
  finish(): Uint8Array[] {
    if (this.#sizes.length > 0) this.#endBlock()
    const blocks = this.#blocks
    this.#blocks = []
    this.#count = 0
    const list = new Uint8Array(8 + blocks.length * 16)
    let at = writeVarint(list, 0, blocks.length)
    for (const { codec, sizeBytes, stored, textCount } of blocks) {
      at = writeVarint(list, at, textCount)
      list[at++] = codec
      at = writeVarint(list, at, stored.length)
      at = writeVarint(list, at, sizeBytes)
    }
    return [list.subarray(0, at), ...blocks.map(({ stored }) => stored)]
  }

  #endBlock(): void {
    const sizes = this.#sizes
    const block = new Uint8Array(TEXT_SIZE_BOUND * sizes.length + this.#usedBytes)
    let at = 0
    for (const sizeBytes of sizes) at = writeVarint(block, at, sizeBytes)
    block.set(this.#texts.subarray(0, this.#usedBytes), at)
    const sizeBytes = at + this.#usedBytes
    const plain = block.subarray(0, sizeBytes)
    const compressed =
      this.#usedBytes < COMPRESSED_TEXT_SIZE_BYTES ? plain : compress(plain, this.#quality)
    const isSmaller = compressed.length < sizeBytes
    this.#blocks.push({
      textCount: sizes.length,
      codec: isSmaller ? TEXTS_CODEC_BROTLI : TEXTS_CODEC_STORED,
      sizeBytes,
      stored: isSmaller ? compressed : plain,
    })
    this.#usedBytes = 0
    this.#sizes = []
    this.#onBlock()
  }
}

function compress(bytes: Uint8Array, quality: number): Uint8Array {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: 18, // a whole block
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
}

interface Block {
  firstText: number
  textCount: number
  codec: number
  at: number // in the bytes
  storedSizeBytes: number
  sizeBytes: number
}

interface InflatedBlock {
  firstText: number
  endText: number
  bytes: Buffer
  offsets: Uint32Array // of each text in the bytes, and their end
}

/** Texts of a page; their blocks are inflated when they are asked for. */
export class TextsReader {
  readonly count: number
  // The text that was located last: bytes[from .. end).
  bytes: Uint8Array = new Uint8Array(0)
  from = 0
  end = 0

  readonly #stored: Uint8Array // all blocks
  readonly #blocks: readonly Block[]
  readonly #fail: (reason: string) => CorruptionError
  readonly #inflated = new Map<Block, InflatedBlock>()
  readonly #damaged = new Map<Block, CorruptionError>()
  #inflatedSizeBytes = 0
  #last: InflatedBlock = { firstText: 0, endText: 0, bytes: Buffer.alloc(0), offsets: new Uint32Array(1) } // prettier-ignore

  /**
   * @param bytes    that are kept; the texts stand from `position` on up to their end
   * @param maxTexts there may be
   * @throws {CorruptionError} the list of the blocks is impossible
   */
  constructor(
    bytes: Uint8Array,
    position: number,
    maxTexts: number,
    fail: (reason: string) => CorruptionError,
  ) {
    this.#fail = fail
    const reader = new VarintReader(bytes, position, bytes.length, (_, reason) => fail(reason))
    const blockCount = reader.next(maxTexts)
    const blocks: Block[] = []
    let firstText = 0
    let at = 0
    for (let i = 0; i < blockCount; i++) {
      const textCount = reader.next(MAX_BLOCK_TEXTS)
      const codec = reader.next(TEXTS_CODEC_BROTLI)
      const storedSizeBytes = reader.next(MAX_BLOCK_SIZE_BYTES)
      const sizeBytes = reader.next(MAX_BLOCK_SIZE_BYTES)
      blocks.push({ firstText, textCount, codec, at, storedSizeBytes, sizeBytes })
      firstText += textCount
      at += storedSizeBytes
      if (textCount === 0 || firstText > maxTexts) throw fail('an impossible block of texts')
    }
    if (reader.position + at !== bytes.length) {
      throw fail('the texts of attributes do not end with their page')
    }
    this.count = firstText
    this.#blocks = blocks
    this.#stored = bytes.subarray(reader.position)
  }

  /** @throws {CorruptionError} its block is damaged */
  locate(text: number): void {
    const block = this.#blockOf(text)
    const i = text - block.firstText
    this.bytes = block.bytes
    this.from = block.offsets[i]!
    this.end = block.offsets[i + 1]!
  }

  /**
   * Which of the texts [first, first + count) are the value, ascending.
   *
   * @throws {CorruptionError} a block is damaged
   */
  find(matcher: ValueMatcher, first: number, count: number): number[] {
    const found: number[] = []
    for (let text = first; text < first + count;) {
      const block = this.#blockOf(text)
      const end = Math.min(block.endText, first + count)
      findInBlock(block, matcher, text, end, found)
      text = end
    }
    return found
  }

  #blockOf(text: number): InflatedBlock {
    const last = this.#last
    if (text >= last.firstText && text < last.endText) return last
    const block = this.#blocks.findLast(({ firstText }) => firstText <= text)
    if (block === undefined || text >= this.count) throw this.#fail('an attribute without a text')
    const kept = this.#inflated.get(block)
    if (kept !== undefined) return (this.#last = kept)
    const inflated = this.#attempt(block)
    if (this.#inflatedSizeBytes + block.sizeBytes > KEPT_SIZE_BYTES) {
      this.#inflated.clear()
      this.#inflatedSizeBytes = 0
    }
    this.#inflated.set(block, inflated)
    this.#inflatedSizeBytes += block.sizeBytes
    return (this.#last = inflated)
  }

  /** Damage is found once, however many of the texts are asked for. */
  #attempt(block: Block): InflatedBlock {
    const known = this.#damaged.get(block)
    if (known !== undefined) throw known
    try {
      return this.#inflate(block)
    } catch (error) {
      if (error instanceof CorruptionError) this.#damaged.set(block, error)
      throw error
    }
  }

  #inflate(block: Block): InflatedBlock {
    const { firstText, sizeBytes, textCount } = block
    const bytes = this.#decompress(block)
    if (bytes.length !== sizeBytes) throw this.#fail('a block of texts is of another size')
    const reader = new VarintReader(bytes, 0, sizeBytes, (_, reason) => this.#fail(reason))
    const offsets = new Uint32Array(textCount + 1)
    let total = 0
    for (let i = 0; i < textCount; i++) {
      const size = reader.next(MAX_ATTRIBUTES_SIZE_BYTES)
      if (size === 0) throw this.#fail('an attribute with an empty text')
      offsets[i] = total
      total += size
    }
    offsets[textCount] = total
    const texts = reader.position
    if (texts + total !== sizeBytes) throw this.#fail('the texts do not fill their block')
    for (let i = 0; i <= textCount; i++) offsets[i]! += texts
    return { firstText, endText: firstText + textCount, bytes, offsets }
  }

  #decompress({ at, codec, sizeBytes, storedSizeBytes }: Block): Buffer {
    const stored = this.#stored.subarray(at, at + storedSizeBytes)
    if (codec === TEXTS_CODEC_STORED) {
      return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
    }
    try {
      return brotliDecompressSync(stored, { maxOutputLength: sizeBytes })
    } catch {
      throw this.#fail('a block of texts cannot be decompressed')
    }
  }
}

/** Texts [from, end) of the block. Where nothing can be written in several ways, the bytes are searched. */
function findInBlock(
  block: InflatedBlock,
  matcher: ValueMatcher,
  from: number,
  end: number,
  found: number[],
): void {
  const { bytes, firstText, offsets } = block
  const begin = offsets[from - firstText]!
  const limit = offsets[end - firstText]!
  const texts = bytes.subarray(begin, limit)
  if (!matcher.hasOneText(texts)) {
    for (let text = from; text < end; text++) {
      const i = text - firstText
      if (matcher.matches(bytes, offsets[i]!, offsets[i + 1]!)) found.push(text)
    }
    return
  }
  const { text: wanted } = matcher
  let i = from - firstText
  for (let at = texts.indexOf(wanted); at >= 0; at = texts.indexOf(wanted, at + 1)) {
    while (offsets[i]! < begin + at) i++
    if (offsets[i] === begin + at && offsets[i + 1]! - offsets[i]! === wanted.length) {
      found.push(firstText + i)
    }
  }
}
