/**
 * The query for quantiles of a period in SQLite, as docs/outputs.md has it: what the document says is what is tested.
 */
import { readFileSync } from 'node:fs'

const DOCUMENT = new URL('../../docs/outputs.md', import.meta.url)

export const SQLITE_QUANTILE = findQuery()

function findQuery(): string {
  const text = readFileSync(DOCUMENT, 'utf8')
  const query = /<!-- sqlite-quantile -->\s*```sql\n([\s\S]*?)```/.exec(text)?.[1]
  if (query === undefined) throw new Error('docs/outputs.md has no query for quantiles')
  return query
}
