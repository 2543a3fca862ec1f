/**
 * @module database/format/attribute-shredder
 * Attributes of a chunk's rows → columns, one per key. Format v2; the full text is docs/format/segment.md.
 *
 *   keyCount varint  | { size varint | text of the key without its quotes } x keyCount
 *   formCount varint | { length varint | key varint x length } x formCount
 *   wholeCount varint
 *   places           codec u8 | constant: varint | PFOR: size varint, PFOR page of u32[rowCount], base 0
 *                    0: the row has no attributes | 1: its text stayed whole | 2 + f: it has form f
 *   columns          { codec u8 | size varint } x keyCount, then the columns, see attribute-values.ts; a column holds the
 *                    values of a key by form, and by row within a form
 *   texts            see attribute-texts.ts: those that columns refer to by number, then those that stayed whole
 */
import { pforMaxBytes } from '../kernels/sizes.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { AttributeList } from './attribute-blocks.ts'
import { AttributeForms } from './attribute-forms.ts'
import {
  groupByPlace,
  PLACE_FORMS,
  PLACE_NONE,
  PLACE_WHOLE,
  type Groups,
} from './attribute-places.ts'
import { TextsWriter } from './attribute-texts.ts'
import {
  concatenated,
  encodeValues,
  ValueEntries,
  type EncodedValues,
  type Values,
} from './attribute-values.ts'
import { MAX_CHUNK_ROWS } from './pages.ts'
import { MAX_VARINT_SIZE_BYTES, writeVarint } from './varint.ts'
import { PLACES_CODEC_CONSTANT, PLACES_CODEC_PFOR, VALUES_CODEC_TEXTS } from './versions.ts'

/** Of Brotli. Sealing keeps up with the calls: 4 takes two to three times as long for 5 to 10 % less. */
const SEALING_QUALITY = 1
const DENSE_QUALITY = 5
/** Taken apart between two calls of onStep: half a millisecond or so. */
const STEP_SIZE_BYTES = 1 << 17

/** Reused for one chunk after the other. */
export class AttributeShredder {
  readonly #kernels: Kernels
  readonly #scratch: number
  #packed = 0 // room for a PFOR page in the kernels' memory; 0: not needed yet
  readonly #places = new Uint32Array(MAX_CHUNK_ROWS)
  readonly #values: Values = {
    count: 0,
    pointers: new Uint32Array(MAX_CHUNK_ROWS),
    sizes: new Uint32Array(MAX_CHUNK_ROWS),
    isAmbiguous: false,
  }
  readonly #entries = new ValueEntries()

  /**
   * @param scratch pointer to u32[MAX_CHUNK_ROWS] in the kernels' memory, with room to a multiple of 128
   */
  constructor(kernels: Kernels, scratch: number) {
    this.#kernels = kernels
    this.#scratch = scratch
  }

  /**
   * @param rowCount of the chunk
   * @param dense    whether they shall be small rather than quickly stored
   * @param onStep   called every millisecond or so; it may make the kernels' memory grow
   * @returns the attributes' part of the details page, in pieces; none if the list is empty
   */
  encode(list: AttributeList, rowCount: number, dense: boolean, onStep: () => void): Uint8Array[] {
    if (list.count === 0) return []
    if (this.#packed === 0) this.#packed = this.#kernels.allocate(pforMaxBytes(MAX_CHUNK_ROWS))
    const forms = new AttributeForms()
    const objects = this.#takeApart(forms, list, rowCount, onStep)
    const uses = usesOf(forms)
    const texts = new TextsWriter(dense ? DENSE_QUALITY : SEALING_QUALITY, onStep)
    const columns = uses.map((usesOfKey, key): EncodedValues | undefined => {
      const values = this.#gather(forms, objects, usesOfKey, key)
      const column = encodeValues(this.#kernels, values, this.#entries, texts, this.#pack)
      onStep()
      return column
    })
    texts.endKind()
    const complete = columns.map((column, key) => {
      if (column !== undefined) return column
      const first = texts.count
      this.#addTexts(texts, this.#gather(forms, objects, uses[key]!, key))
      texts.endKind()
      return { codec: VALUES_CODEC_TEXTS, bytes: varintBytes(first) }
    })
    this.#addWhole(texts, list, objects)
    return [
      encodeKeys(forms.keys),
      encodeForms(forms.forms),
      varintBytes(objects.firsts[PLACE_WHOLE + 1]! - objects.firsts[PLACE_WHOLE]!),
      this.#encodePlaces(rowCount),
      ...complete.map(({ codec, bytes }) => Uint8Array.of(codec, ...varintBytes(bytes.length))),
      ...complete.map(({ bytes }) => bytes),
      ...texts.finish(),
    ]
  }

  #takeApart(
    forms: AttributeForms,
    { count, pointers, rows, sizes }: AttributeList,
    rowCount: number,
    onStep: () => void,
  ): Objects {
    const firstValues = new Uint32Array(count)
    const placeOf = new Uint16Array(count)
    let { u8 } = this.#kernels
    let stepBytes = 0
    for (let i = 0; i < count; i++) {
      firstValues[i] = forms.valueCount
      const form = forms.add(u8, pointers[i]!, pointers[i]! + sizes[i]!)
      placeOf[i] = form === undefined ? PLACE_WHOLE : PLACE_FORMS + form
      stepBytes += sizes[i]!
      if (stepBytes < STEP_SIZE_BYTES) continue
      stepBytes = 0
      onStep()
      ;({ u8 } = this.#kernels)
    }
    const places = this.#places.fill(PLACE_NONE, 0, rowCount)
    for (let i = 0; i < count; i++) places[rows[i]!] = placeOf[i]!
    return { firstValues, ...groupByPlace(placeOf, PLACE_FORMS + forms.forms.length) }
  }

  /** Values of a key, by form, then by row. */
  #gather(
    forms: AttributeForms,
    { firstValues, firsts, order }: Objects,
    uses: readonly KeyUse[],
    key: number,
  ): Values {
    const values = this.#values
    let count = 0
    for (const { form, at } of uses) {
      const end = firsts[PLACE_FORMS + form + 1]!
      for (let i = firsts[PLACE_FORMS + form]!; i < end; i++) {
        const value = firstValues[order[i]!]! + at
        values.pointers[count] = forms.pointers[value]!
        values.sizes[count++] = forms.sizes[value]!
      }
    }
    values.count = count
    values.isAmbiguous = forms.isAmbiguous[key]!
    return values
  }

  #addTexts(texts: TextsWriter, { count, pointers, sizes }: Values): void {
    for (let i = 0; i < count; i++) {
      texts.add(this.#kernels.u8, pointers[i]!, sizes[i]!) // whose views the end of a block may replace
    }
  }

  #addWhole(texts: TextsWriter, list: AttributeList, { firsts, order }: Objects): void {
    for (let i = firsts[PLACE_WHOLE]!; i < firsts[PLACE_WHOLE + 1]!; i++) {
      const object = order[i]!
      texts.add(this.#kernels.u8, list.pointers[object]!, list.sizes[object]!)
    }
  }

  #encodePlaces(rowCount: number): Uint8Array {
    const places = this.#places.subarray(0, rowCount)
    const first = places[0]!
    if (places.every((place) => place === first)) {
      return Uint8Array.of(PLACES_CODEC_CONSTANT, ...varintBytes(first))
    }
    const page = this.#pack(places)
    const head = Uint8Array.of(PLACES_CODEC_PFOR, ...varintBytes(page.length))
    return concatenated([head, page])
  }

  /** A PFOR page with base 0. */
  readonly #pack = (values: Uint32Array): Uint8Array => {
    const kernels = this.#kernels
    kernels.u32.set(values, this.#scratch / 4)
    const end = kernels.pforEncode(this.#scratch, values.length, 0, this.#packed)
    return kernels.u8.slice(this.#packed, end)
  }
}

/** The texts of a list, taken apart. */
interface Objects extends Groups {
  firstValues: Uint32Array // of each in the forms' values
}

/** That key is the `at`-th of the form. */
interface KeyUse {
  form: number
  at: number
}

/** By key, ascending by form. */
function usesOf({ forms, keys }: AttributeForms): KeyUse[][] {
  const uses = keys.map((): KeyUse[] => [])
  forms.forEach((keysOfForm, form) => {
    keysOfForm.forEach((key, at) => uses[key]!.push({ form, at }))
  })
  return uses
}

function encodeKeys(keys: readonly Uint8Array[]): Uint8Array {
  return concatenated([
    varintBytes(keys.length),
    ...keys.flatMap((key) => [varintBytes(key.length), key]),
  ])
}

function encodeForms(forms: readonly number[][]): Uint8Array {
  const numbers = forms.reduce((sum, { length }) => sum + 1 + length, 1)
  const bytes = new Uint8Array(numbers * 2 + 2) // all below 2^14
  let at = writeVarint(bytes, 0, forms.length)
  for (const keys of forms) {
    at = writeVarint(bytes, at, keys.length)
    for (const key of keys) at = writeVarint(bytes, at, key)
  }
  return bytes.subarray(0, at)
}

function varintBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(MAX_VARINT_SIZE_BYTES)
  return bytes.subarray(0, writeVarint(bytes, 0, value))
}
