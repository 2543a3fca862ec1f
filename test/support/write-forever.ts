/**
 * Child process: writes calls until it is killed, seals often, and prints how many rows readers must see by now.
 * Row i of the process starts at i µs after the epoch and takes i ns, so a reader can tell which rows it saw.
 */
import { createRowColumns } from '../../src/database/format/rows.ts'
import { DatabaseWriter } from '../../src/database.ts'

const [, , directory, segmentRows] = process.argv
const writer = DatabaseWriter.open(directory!, { segmentRows: Number(segmentRows), sync: 'never' })
const ids = ['even', 'odd'].map((name) => writer.functionId(name))
const rows = createRowColumns(500)

let next = 0
for (;;) {
  rows.count = 1 + (next % 499)
  for (let row = 0; row < rows.count; row++, next++) {
    rows.functionIds[row] = ids[next % 2]!
    rows.startsUs[row] = next
    rows.durationsNs[row] = next
  }
  writer.append(rows)
  process.stdout.write(`${next}\n`)
  // a pause, or a fast machine makes segments of a few rows faster than any reader can open them
  await new Promise((resolve) => setTimeout(resolve, 1))
}
