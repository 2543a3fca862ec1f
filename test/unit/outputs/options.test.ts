import { describe, expect, test } from 'vitest'
import { checkOptions, settle } from '../../../src/internal/options.ts'
import { postgresOutput, sqliteOutput } from '../../../src/internal/output-options.ts'
import { outputKey, withoutSecrets } from '../../../src/outputs/output-key.ts'

const URL_WITH_SECRET = 'postgres://ada:p%40ss-word@db.internal:5433/shop'

describe('what is refused', () => {
  test.each([
    [() => sqliteOutput(''), RangeError],
    [() => sqliteOutput(':memory:'), RangeError],
    [() => sqliteOutput('m.db', { intervalMs: 1 }), RangeError],
    [() => sqliteOutput('m.db', { interval: 1 } as never), TypeError],
    [() => sqliteOutput('m.db', { driver: 'sqlite3' as never }), RangeError],
    [() => postgresOutput('http://p%40ss-word'), RangeError],
    [
      () => postgresOutput(URL_WITH_SECRET, { ssl: { checkServerIdentity: () => undefined } }),
      TypeError,
    ],
    [() => checkOptions({ outputs: sqliteOutput('m.db') }), TypeError],
    [() => checkOptions({ outputs: [{ save: 1 }] }), TypeError],
    [() => checkOptions({ outputs: [{ save: () => 1, intervalMs: 5 }] }), RangeError],
    [() => checkOptions({ outputs: ['metrics.db'] }), TypeError],
  ])('%s', (make, kind) => {
    expect(make).toThrow(kind)
    expect(make).not.toThrow('ss-word')
  })
})

test('the environment names outputs where the program names none', () => {
  const environment = { KRONICLER_SQLITE: '/data/m.db', KRONICLER_POSTGRES: URL_WITH_SECRET }
  expect(settle({}, environment).outputs).toEqual([
    sqliteOutput('/data/m.db'),
    postgresOutput(URL_WITH_SECRET),
  ])
  expect(settle({ outputs: [] }, environment).outputs).toEqual([])
  expect(settle({}, {}).outputs).toEqual([])
})

test('an output is known by its place, whatever the password', () => {
  const output = postgresOutput(URL_WITH_SECRET)
  const changed = postgresOutput(URL_WITH_SECRET.replace('p%40ss-word', 'other'))
  expect(outputKey(output)).toBe(outputKey(changed))
  expect(outputKey(output)).not.toBe(outputKey(postgresOutput(`${URL_WITH_SECRET}2`)))
  expect(outputKey(sqliteOutput('a.db'))).not.toBe(outputKey(sqliteOutput('b.db')))
})

test('messages have no secrets', () => {
  const message = `cannot use ${URL_WITH_SECRET}: p%40ss-word, p@ss-word`
  expect(withoutSecrets(message, postgresOutput(URL_WITH_SECRET))).toBe('cannot use ***: ***, ***')
})
