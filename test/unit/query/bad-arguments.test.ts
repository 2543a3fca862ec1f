import { beforeEach, describe, expect, test } from 'vitest'
import { DatabaseWriter } from '../../../src/database/write/database-writer.ts'
import type { Database } from '../../../src/query/database.ts'
import { openDatabase } from '../../../src/query/open-database.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

/** Each is a slip that must not be answered as if nothing, or something else, had been asked for. */
describe('a question with bad arguments is refused, and the message names them', () => {
  let folder: string
  let database: Database & Record<string, (...args: unknown[]) => Promise<unknown>>

  beforeEach(async () => {
    folder = temporaryDirectory()
    const writer = DatabaseWriter.open(folder)
    writer.insert({ function: 'pack', startMs: 1, durationNs: 1 })
    await writer.close()
    database = (await openDatabase(folder)) as typeof database
    return () => database.close()
  })

  test.each([
    ['stats', 'pack', /query must be an object, not string/],
    ['stats', { functoin: 'pack' }, /unknown option functoin/],
    ['stats', { function: 5 }, /function must be/],
    ['functions', { form: '-1h' }, /unknown option form; there are from, to, quantiles/],
    ['functions', null, /not null/],
    ['functions', [], /not an array/],
    ['slowest', 5, /not number/],
    ['slowest', { limit: 0 }, /limit must be a whole number/],
    ['count', 'x', /not string/],
    ['count', { from: 'yesterday' }, /from/],
    ['tail', '5', /count must be a number/],
    ['stats', { confidence: 95 }, /confidence must lie between 0 and 1/],
    ['stats', { exact: 'yes' }, /exact must be true or false/],
    ['functions', { confidence: '0.9' }, /confidence must be a number/],
    ['quantile', {}, /quantiles must hold numbers/],
    ['quantile', { quantile: 99 }, /p99 is 0.99/],
    ['average', undefined, /name must be the name of a function/],
    ['contains', 5, /name must be the name of a function/],
    ['series', {}, /step must be a length of time/],
    ['series', { step: '1ns' }, /whole number of microseconds/],
    ['series', { step: '1us', from: 0, to: 1e9 }, /step is too short: .* at most 100000 /],
    ['series', { step: 'soon' }, /step must be a length of time/],
    ['series', { step: 1, aligned: 1 }, /aligned must be true or false/],
    ['series', { step: 1, signal: 5 }, /signal must be an AbortSignal/],
    ['heatmap', { step: 1, columns: 5 }, /either step or columns/],
    ['heatmap', { columns: 0 }, /columns must be a whole number from 1 to 10000/],
    ['heatmap', { step: '1ms', from: 0, to: 1e9 }, /step is too short/],
    ['histogram', { buckets: 5000 }, /buckets must be a whole number from 1 to 4096/],
    ['histogram', { bukets: 5 }, /unknown option bukets/],
    ['count', { where: { duraton: {} } }, /unknown option duraton/],
    ['count', { where: { duration: { min: '5ms' } } }, /where.duration.min must be a number/],
    ['count', { where: { duration: { min: 2, max: 1 } } }, /min must not be above max/],
    ['count', { where: { error: 5 } }, /where.error must be a boolean or a class name/],
    ['count', { where: { attributes: [] } }, /where.attributes must be an object/],
    ['count', { onProgress: 5 }, /onProgress must be a function/],
  ])('%s(%o)', async (method, argument, message) => {
    await expect(database[method]!(argument)).rejects.toThrow(message)
  })

  test('calls', () => {
    expect(() => database.calls({ order: 'name' } as never)).toThrow(/order must be one of/)
    expect(() => database.calls({ limit: 0 })).toThrow(/limit must be a whole number/)
    expect(() => database.calls({ where: 5 } as never)).toThrow(/where must be an object/)
  })

  test('follow', () => {
    expect(() => database.follow({ signal: 5 } as never)).toThrow(/signal must be an AbortSignal/)
    expect(() => database.follow(5 as never)).toThrow(/options must be an object/)
  })

  test('openDatabase', async () => {
    await expect(openDatabase(folder, { bogus: 1 } as never)).rejects.toThrow(
      /unknown option bogus/,
    )
    await expect(openDatabase(undefined as never)).rejects.toThrow(TypeError)
  })

  test('DatabaseWriter', async () => {
    expect(() => DatabaseWriter.open(undefined as never)).toThrow(TypeError)
    expect(() => DatabaseWriter.open('')).toThrow(TypeError)
    expect(() => DatabaseWriter.open(folder, { bogus: 1 } as never)).toThrow(/unknown option bogus/)
    const writer = DatabaseWriter.open(folder)
    const good = { function: 'f', startMs: 1, durationNs: 1 }
    for (const [bad, message] of [
      [{ ...good, function: 5 }, /function must be a string/],
      [{ ...good, startMs: new Date() }, /startMs must be a number/],
      [{ ...good, durationNs: '1' }, /durationNs must be a number/],
      [{ ...good, error: 5 }, /error must be a string/],
      [{ ...good, duration: 5 }, /unknown option duration/],
    ] as const) {
      expect(() => {
        writer.insert(bad as never)
      }).toThrow(message)
    }
    expect(() => writer.functionId(undefined as never)).toThrow(/name must be a string/)
    await writer.close()
  })
})
