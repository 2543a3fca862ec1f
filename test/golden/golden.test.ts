/** Every format ever released still reads. Golden files are only ever added, each set with the script that wrote it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/database.ts'
import { DIRECTORY_VERSION } from '../../src/database/format/versions.ts'
import {
  readDatabase,
  readFolder,
  readNames,
  sortRows,
  type NamedRow,
} from '../support/read-folder.ts'
import { isWriterFolder } from '../../src/database/format/directory.ts'
import { expandDetailedRows, type DetailedGoldenRows, type DetailedRow } from './details.ts'
import { expandGoldenRows, type GoldenRows } from './series.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const versions = readdirSync(folder).filter((name) => /^v\d+$/.test(name))
const detailed = readdirSync(folder).filter((name) => /^v\d+-details$/.test(name))

test('the current format has golden files', () => {
  expect(existsSync(`${folder}/v${DIRECTORY_VERSION}/db/FORMAT`)).toBe(true)
  expect(existsSync(`${folder}/v${DIRECTORY_VERSION}/rows.json`)).toBe(true)
  expect(existsSync(`${folder}/v${DIRECTORY_VERSION}-details/db/FORMAT`)).toBe(true)
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

describe.each(detailed)('format %s', (version) => {
  const db = `${folder}/${version}/db`
  const text = readFileSync(`${folder}/${version}/rows.json`, 'utf8')
  const golden = JSON.parse(text) as DetailedGoldenRows
  const expected = sortRows(expandDetailedRows(golden))

  test('the decoders read every row', () => {
    expect(sortRows(readdirSync(db).filter(isWriterFolder).flatMap(decodeFolder))).toEqual(expected)
  })

  function decodeFolder(name: string): DetailedRow[] {
    const { errorTypes, functions } = readNames(`${db}/${name}`)
    return readFolder(`${db}/${name}`).map(([id, startUs, durationNs, type, extras]) => {
      const { attributes, childrenNs = 0, context = 0, weight = 1 } = extras ?? {}
      const parentId = context & 0xfffff
      return [
        functions.get(id)!,
        startUs,
        durationNs,
        type === 0 ? null : errorTypes.get(type)!,
        parentId === 0 ? null : functions.get(parentId)!,
        (context >>> 20) & 2047,
        context >>> 31 === 1,
        childrenNs,
        weight,
        attributes === undefined ? null : (JSON.parse(attributes) as DetailedRow[9]),
      ]
    })
  }

  test('the database reads every row, where functions are defined, and what was counted', async () => {
    const database = await openDatabase(db)
    const rows = (await database.tail(expected.length + 1)).map((row): DetailedRow => {
      const { attributes, durationNs, error, parent, startMs } = row
      return [
        row.function,
        Math.round(startMs * 1000),
        durationNs,
        error ?? null,
        parent ?? null,
        row.depth,
        row.async,
        durationNs - row.selfNs,
        row.weight,
        attributes ?? null,
      ]
    })
    expect(sortRows(rows)).toEqual(expected)
    const functions = await database.functions()
    const places = functions.flatMap(({ definedAt, function: name }) =>
      definedAt === undefined ? [] : [[name, definedAt]],
    )
    expect(Object.fromEntries(places)).toEqual(golden.places)
    expect(functions.reduce((sum, { rows: stored }) => sum + stored, 0)).toBe(expected.length)
    expect(await database.dropped()).toBe(golden.counters.dropped)
    expect(await database.filtered()).toBe(golden.counters.filtered)
    await database.close()
  })
})
