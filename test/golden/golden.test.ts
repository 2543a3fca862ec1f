/** Every format ever released still reads. Golden files are only ever added, each set with the script that wrote it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/database.ts'
import { DIRECTORY_VERSION } from '../../src/database/format/versions.ts'
import { readDatabase, sortRows, type NamedRow } from '../support/read-folder.ts'
import { expandGoldenRows, type GoldenRows } from './series.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const versions = readdirSync(folder).filter((name) => /^v\d+$/.test(name))

test('the current format has golden files', () => {
  expect(existsSync(`${folder}/v${DIRECTORY_VERSION}/db/FORMAT`)).toBe(true)
  expect(existsSync(`${folder}/v${DIRECTORY_VERSION}/rows.json`)).toBe(true)
})

describe.each(versions)('format %s', (version) => {
  const db = `${folder}/${version}/db`
  const golden = JSON.parse(readFileSync(`${folder}/${version}/rows.json`, 'utf8')) as GoldenRows
  const expected = sortRows(expandGoldenRows(golden))

  test('the decoders read every row', () => {
    expect(readDatabase(db)).toEqual(expected)
  })

  test('the database reads every row', async () => {
    const database = await openDatabase(db)
    const rows = (await database.tail(expected.length + 1)).map((row): NamedRow => [
      row.function,
      row.startMs,
      row.durationNs,
      row.error ?? null,
    ])
    await database.close()
    const inMs = expected.map(([name, startUs, ns, error]) => [name, startUs / 1000, ns, error])
    expect(sortRows(rows)).toEqual(sortRows(inMs))
  })
})
