/**
 * Wrote the golden database of segment version 2 with details: `npx tsx test/golden/v2-details/write.ts`. It refuses
 * to write over files: golden files are only ever added.
 */
import { writeDetailedDatabase } from '../write-detailed.ts'

await writeDetailedDatabase(import.meta.url, [0, 1, 3, 4, 5, 6])
