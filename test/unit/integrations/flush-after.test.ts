import { describe, expect, test } from 'vitest'
import { createFlushAfter, type Storing } from '../../../src/integrations/flush-after.ts'

/** Says in which order things happen; `flush` takes as long as the test likes. */
function setUp(flush: () => Promise<unknown> = () => Promise.resolve(true)) {
  const log: string[] = []
  const storing: Storing = {
    flush: async (timeoutMs) => {
      log.push(`flush ${timeoutMs}`)
      await flush()
      log.push('flushed')
    },
    storeNow: (timeoutMs) => {
      log.push(`store ${timeoutMs}`)
    },
  }
  return { log, flushAfter: createFlushAfter(() => storing) }
}

describe('a handler that returns a promise', () => {
  test('settles after its rows are stored, with its result', async () => {
    let letGo!: () => void
    const { log, flushAfter } = setUp(() => new Promise<void>((resolve) => (letGo = resolve)))
    const handler = flushAfter(async (event: { id: number }) => {
      await Promise.resolve()
      log.push('handled')
      return event.id + 1
    })
    const result = handler({ id: 1 }).then((id) => {
      log.push('settled')
      return id
    })
    while (log.length < 2) await Promise.resolve()
    expect(log).toEqual(['handled', 'flush 1000'])
    letGo()
    expect(await result).toBe(2)
    expect(log).toEqual(['handled', 'flush 1000', 'flushed', 'settled'])
  })

  test('rejects after its rows are stored, with its very error', async () => {
    const { log, flushAfter } = setUp()
    const error = new Error('on purpose')
    const handler = flushAfter(async () => {
      throw error
    })
    await expect(handler()).rejects.toBe(error)
    expect(log).toEqual(['flush 1000', 'flushed'])
  })

  test('may return a thenable of another kind', async () => {
    const { log, flushAfter } = setUp()
    const handler = flushAfter(() => ({
      then: (resolve: (value: string) => void) => resolve('rows'),
    }))
    expect(await handler()).toBe('rows')
    expect(log).toEqual(['flush 1000', 'flushed'])
  })
})

describe('a handler that returns no promise', () => {
  test('returns what it returned, after its rows are stored', () => {
    const { log, flushAfter } = setUp()
    const response = { status: 200 }
    const handler = flushAfter(() => {
      log.push('handled')
      return response
    })
    expect(handler()).toBe(response)
    expect(log).toEqual(['handled', 'store 1000'])
  })

  test('throws what it threw, after its rows are stored', () => {
    const { log, flushAfter } = setUp()
    const error = new TypeError('on purpose')
    expect(() =>
      flushAfter(() => {
        throw error
      })(),
    ).toThrow(error)
    expect(log).toEqual(['store 1000'])
  })
})

describe('the wrapper', () => {
  test('has the name, the length and the properties of the handler', () => {
    const { flushAfter } = setUp()
    async function handle(_event: unknown, _context: unknown) {}
    const handler = flushAfter(Object.assign(handle, { memorySize: 128 }))
    expect(handler).not.toBe(handle)
    expect([handler.name, handler.length, handler.memorySize]).toEqual(['handle', 2, 128])
  })

  test('passes `this` and all arguments on', async () => {
    const { flushAfter } = setUp()
    const seen: unknown[] = []
    const service = {
      handle: flushAfter(async function (this: unknown, ...args: unknown[]) {
        seen.push(this, ...args)
      }),
    }
    await service.handle('event', { context: true }, undefined)
    expect(seen).toEqual([service, 'event', { context: true }, undefined])
  })

  test('is only a wrapper while recording is switched off', async () => {
    const handler = createFlushAfter(() => undefined)
    expect(await handler(async () => 1)()).toBe(1)
    expect(handler(() => 2)()).toBe(2)
  })
})

describe('options', () => {
  test('timeoutMs is handed on', async () => {
    const { log, flushAfter } = setUp()
    await flushAfter(async () => undefined, { timeoutMs: 250 })()
    flushAfter(() => undefined, { timeoutMs: 20 })()
    expect(log).toEqual(['flush 250', 'flushed', 'store 20'])
  })

  test.each([
    [{ timeoutMs: 0 }, RangeError, 'timeoutMs'],
    [{ timeoutMs: 60_001 }, RangeError, 'timeoutMs'],
    [{ timeoutMs: Number.NaN }, RangeError, 'timeoutMs'],
    [{ timeoutMs: '1s' }, TypeError, 'timeoutMs'],
    [{ timeout: 1000 }, TypeError, 'timeout'],
    ['1s', TypeError, 'options'],
  ])('%j is refused', (options, kind, named) => {
    const { flushAfter } = setUp()
    const wrap = () => flushAfter(() => undefined, options as never)
    expect(wrap).toThrow(kind)
    expect(wrap).toThrow(named)
  })

  test.each([undefined, null, 'handler', {}])('%j is no handler', (handler) => {
    const { flushAfter } = setUp()
    expect(() => flushAfter(handler as never)).toThrow(TypeError)
  })
})
