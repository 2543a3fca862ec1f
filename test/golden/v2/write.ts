/**
 * Wrote the golden database whose segments have version 2: `npx tsx test/golden/v2/write.ts`. It refuses
 * to write over files: golden files are only ever added. In the first segment one function has starts at
 * irregular gaps; the second has gaps that need two words.
 */
import { writePlainDatabase } from '../write-plain.ts'

await writePlainDatabase(import.meta.url, [1, 3, 4])
