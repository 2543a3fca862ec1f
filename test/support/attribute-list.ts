/** Attributes as a segment's writer has them: texts in the kernels' memory. */
import type { AttributeList } from '../../src/database/format/attribute-blocks.ts'
import type { Kernels } from '../../src/database/kernels/kernels.ts'

/** @param texts by row, ascending */
export function attributeList(
  kernels: Kernels,
  texts: readonly (readonly [row: number, text: string | Uint8Array])[],
): AttributeList {
  const bytes = texts.map(([, text]) => Buffer.from(text))
  let pointer = kernels.allocate(bytes.reduce((sum, { length }) => sum + length, 0))
  const pointers = bytes.map((text) => {
    const at = pointer
    kernels.u8.set(text, at)
    pointer += text.length
    return at
  })
  return {
    count: texts.length,
    rows: Uint16Array.from(texts, ([row]) => row),
    pointers: Uint32Array.from(pointers),
    sizes: Uint32Array.from(bytes, ({ length }) => length),
  }
}
