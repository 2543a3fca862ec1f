/**
 * @module bench/attribute-storage
 * How much disk do the attributes of a web request take? The database with them, less the same database without, against
 * their JSON texts, one a line, in Brotli. The trace id, which nothing can compress, is 16 bytes of it.
 */
import { brotliCompressSync, constants } from 'node:zlib'
import { compactDatabase, DatabaseWriter } from 'kronicler/database'
import { createRandom } from './harness/random.ts'
import { progress, shortCount } from './harness/report.ts'
import type { BenchRow } from './harness/result.ts'
import { inFolder, type SuiteOptions } from './harness/suite.ts'
import { sizeOnDisk } from './stores/store.ts'

const ROWS = 200_000
const LINES = 2000 // compressed together
const START_MS = Date.UTC(2026, 0, 1)

// A type, because an interface is no record of anything.
export type RequestAttributes = {
  route: string
  status: number
  user: string
  trace: string
  amount: number
}

export async function attributeRows({ folder }: SuiteOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  const add = (who: string, sizeBytes: number): void => {
    const name = `${who}/attributes-${shortCount(ROWS)}`
    rows.push({ name, value: sizeBytes / ROWS, unit: 'B/row', n: ROWS })
    progress(`${name} ${(sizeBytes / ROWS).toFixed(2)} B/row`)
  }
  const [plain, attributed] = [await sizesOf(folder, false), await sizesOf(folder, true)]
  add('kronicler', attributed.sealed - plain.sealed)
  add('kronicler-merged', attributed.merged - plain.merged)
  add('brotli-lines', brotliSizeBytes())
  return rows
}

async function sizesOf(
  folder: string,
  hasAttributes: boolean,
): Promise<{ sealed: number; merged: number }> {
  const sizes = { sealed: 0, merged: 0 }
  await inFolder(folder, async (path) => {
    const writer = DatabaseWriter.open(path)
    let row = 0
    for (const attributes of requests(ROWS)) {
      const startMs = START_MS + 10 * row++
      const call = { function: 'request', startMs, durationNs: 1e6 + row }
      writer.insert(hasAttributes ? { ...call, attributes } : call)
      if (row % 10_000 === 0) await writer.sealed()
    }
    await writer.close()
    sizes.sealed = sizeOnDisk(path)
    await compactDatabase(path)
    sizes.merged = sizeOnDisk(path)
  })
  return sizes
}

function brotliSizeBytes(): number {
  const lines = Array.from(requests(ROWS), (attributes) => `${JSON.stringify(attributes)}\n`)
  let sizeBytes = 0
  for (let from = 0; from < lines.length; from += LINES) {
    const block = Buffer.from(lines.slice(from, from + LINES).join(''))
    const params = { [constants.BROTLI_PARAM_QUALITY]: 4 }
    sizeBytes += brotliCompressSync(block, { params }).length
  }
  return sizeBytes
}

/** What `count` requests of a web service have attached. */
export function* requests(count: number): Generator<RequestAttributes> {
  const random = createRandom(7)
  for (let row = 0; row < count; row++) {
    yield {
      route: `/api/v1/route-${Math.floor(40 * random.uniform() ** 2)}`,
      status: [200, 200, 200, 404, 500][random.below(5)]!,
      user: `user-${random.below(50_000)}`,
      trace: Array.from({ length: 4 }, () => random.below(2 ** 32).toString(16).padStart(8, '0')).join(''), // prettier-ignore
      amount: random.below(100_000) / 100,
    }
  }
}
