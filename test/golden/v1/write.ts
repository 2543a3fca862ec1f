/**
 * Wrote the golden database of format 1: `npx tsx test/golden/v1/write.ts`. It refuses
 * to write over files: golden files are only ever added.
 */
import { writePlainDatabase } from '../write-plain.ts'

await writePlainDatabase(import.meta.url, [1])
