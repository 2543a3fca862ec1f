import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkOptions, settle } from '../../../src/internal/options.ts'

describe('a bad option is refused, by name', () => {
  test.each([
    ['directory', 1, TypeError],
    ['directory', '', RangeError],
    ['directory', 'a\0b', RangeError],
    ['enabled', 'yes', TypeError],
    ['queueCapacity', '65536', TypeError],
    ['queueCapacity', 1000, RangeError],
    ['queueCapacity', 3000, RangeError],
    ['queueCapacity', 2 ** 30, RangeError],
    ['intervalMs', 0, RangeError],
    ['intervalMs', NaN, RangeError],
    ['overflow', 'wait', RangeError],
    ['overflow', true, TypeError],
    ['sync', 'always', RangeError],
    ['segmentRows', 10, RangeError],
    ['maxFunctions', 0, RangeError],
    ['signals', 1, TypeError],
    ['onError', 'log', TypeError],
    ['queueCapacty', 65_536, TypeError],
  ])('%s: %o', (name, value, kind) => {
    const check = (): unknown => checkOptions({ [name]: value })
    expect(check).toThrow(kind)
    expect(check).toThrow(name)
  })

  test('options that are no object', () => {
    for (const options of [undefined, null, 'directory', 42]) {
      expect(() => checkOptions(options)).toThrow(TypeError)
    }
  })
})

describe('what is settled', () => {
  test('defaults, then the environment, then what is given', () => {
    expect(settle({}, {})).toMatchObject({
      directory: resolve('.kronicler'),
      enabled: true,
      sync: 'interval',
    })
    expect(settle({}, { KRONICLER_DIR: '/data' }).directory).toBe('/data')
    expect(settle({ directory: 'here' }, { KRONICLER_DIR: '/data' }).directory).toBe(
      resolve('here'),
    )
    expect(settle({}, { KRONICLER_DIR: '' }).directory).toBe(resolve('.kronicler'))
  })

  test('an option that is undefined keeps its default', () => {
    const onError = undefined as never
    expect(settle({ directory: undefined as never, onError }, {})).toMatchObject({
      directory: resolve('.kronicler'),
      onError: expect.any(Function),
    })
  })

  test.each(['false', 'FALSE', '0', 'off', 'no'])('KRONICLER_ENABLED=%s switches off', (value) => {
    expect(settle({ enabled: true }, { KRONICLER_ENABLED: value }).enabled).toBe(false)
  })

  test.each(['true', '1', '', undefined])('KRONICLER_ENABLED=%s does not', (value) => {
    expect(settle({}, { KRONICLER_ENABLED: value }).enabled).toBe(true)
  })
})
