import { EventEmitter, once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  addAbortSignal,
  Duplex,
  type DuplexOptions,
  finished,
  PassThrough,
  Readable,
  Transform,
  Writable,
  type Stream,
} from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGzip } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fakeRecorder, type RecordedCall } from './fake-recorder.ts'

const THIS_FILE = fileURLToPath(import.meta.url)
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
/** `once` would reject when it fails. */
const closing = (stream: Stream): Promise<void> =>
  new Promise((resolve) => void stream.once('close', resolve))
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Attributes without the time, which is different every time, but must be there if anything was given. */
function withoutTimes({ attributes, durationNs }: RecordedCall): Record<string, unknown> {
  const { 'stream.first_item_ns': first, ...rest } = attributes ?? {}
  if (rest['stream.items'] === undefined) expect(first).toBeUndefined()
  else expect(first).toBeGreaterThan(0)
  if (first !== undefined) expect(first).toBeLessThanOrEqual(durationNs)
  return rest
}

function recorder() {
  const { capture, taken, ...rest } = fakeRecorder()
  /** Captures what gives the stream, and gives it. */
  const opened = <S>(stream: () => S): S => capture('open', stream, { stream: true })()
  return { capture, taken, opened, ...rest }
}

describe('a call that returns a stream lasts until the stream', () => {
  test('ends', async () => {
    const { opened, taken } = recorder()
    const stream = opened(() => Readable.from([Buffer.from('abc'), Buffer.from('de')]))
    await wait(20)
    expect(taken()).toEqual([])
    for await (const _ of stream);
    const [call, ...others] = taken()
    expect(others).toEqual([])
    expect(call).toMatchObject({ name: 'open', asynchronous: true, depth: 0, error: undefined })
    expect(call!.durationNs).toBeGreaterThan(19e6)
    expect(call!.attributes!['stream.first_item_ns']).toBeGreaterThan(19e6)
    expect(withoutTimes(call!)).toEqual({ 'stream.items': 2, 'stream.bytes': 5 })
  })

  test('fails', async () => {
    const { opened, taken } = recorder()
    const error = new RangeError('x')
    const stream = opened(
      () =>
        new Readable({
          read() {
            this.push('é')
            this.destroy(error)
          },
        }),
    )
    let caught: unknown
    try {
      stream.setEncoding('utf8')
      for await (const _ of stream);
    } catch (thrown) {
      caught = thrown
    }
    expect(caught).toBe(error)
    expect(taken()).toMatchObject([{ error: 'RangeError' }])
  })

  test('is destroyed before its end', async () => {
    const { opened, taken } = recorder()
    const stream = opened(() => Readable.from(['a', 'b', 'c']))
    for await (const _ of stream) break
    await nextTurn()
    const [call] = taken()
    expect(call!.error).toBeUndefined()
    expect(withoutTimes(call!)).toEqual({
      'stream.items': 1,
      'stream.bytes': 1,
      'stream.abandoned': true,
    })
  })

  test('has finished, if it is written', async () => {
    const { opened, taken } = recorder()
    const stream = opened(
      () => new Writable({ write: (_chunk, _encoding, done) => void setTimeout(done, 10) }),
    )
    stream.end('x')
    await once(stream, 'finish')
    expect(taken()).toMatchObject([{ name: 'open', error: undefined, attributes: undefined }])
    const closed = opened(() => new Writable({ write: () => undefined }))
    closed.destroy()
    await once(closed, 'close')
    expect(withoutTimes(taken()[0]!)).toEqual({ 'stream.abandoned': true })
  })

  test('has ended on both sides, if it has two', async () => {
    const { opened, taken } = recorder()
    const stream = opened(() => new Transform({ transform: (chunk, _, done) => done(null, chunk) }))
    stream.end('abc')
    await once(stream, 'finish')
    expect(taken()).toEqual([])
    stream.resume()
    await once(stream, 'end')
    expect(taken().map(withoutTimes)).toEqual([{ 'stream.items': 1, 'stream.bytes': 3 }])
    const oneSided = opened(() => new Duplex({ read() {}, writable: false } as DuplexOptions))
    oneSided.push(null)
    oneSided.resume()
    await once(oneSided, 'end')
    expect(taken()).toHaveLength(1)
  })

  test('gives objects, which have no size', async () => {
    const { opened, taken } = recorder()
    for await (const _ of opened(() => Readable.from([{ a: 1 }, 'text', 3])));
    expect(taken().map(withoutTimes)).toEqual([{ 'stream.items': 3 }])
  })

  test('whose promise it returns', async () => {
    const { capture, taken } = recorder()
    const open = capture(
      'open',
      async () => {
        await wait(5)
        return Readable.from(['a'])
      },
      { stream: true },
    )
    const fail = capture('fail', async () => Promise.reject(new TypeError('x')), { stream: true })
    for await (const _ of await open());
    await expect(fail()).rejects.toThrow(TypeError)
    expect(taken().map((call) => [call.name, call.error, withoutTimes(call)])).toEqual([
      ['open', undefined, { 'stream.items': 1, 'stream.bytes': 1 }],
      ['fail', 'TypeError', {}],
    ])
  })

  test('is over already', async () => {
    const { opened, taken } = recorder()
    const ended = Readable.from([])
    for await (const _ of ended);
    expect(opened(() => ended)).toBe(ended)
    const failed = new Writable().on('error', () => undefined)
    failed.destroy(new RangeError('x'))
    await closing(failed)
    opened(() => failed)
    const closed = new PassThrough()
    closed.destroy()
    await once(closed, 'close')
    opened(() => closed)
    expect(taken().map((call) => [call.error, withoutTimes(call)])).toEqual([
      [undefined, {}],
      ['RangeError', {}],
      [undefined, { 'stream.abandoned': true }],
    ])
    expect(Reflect.ownKeys(ended)).not.toContain('emit')
  })

  test('and all calls that return it', async () => {
    const { opened, taken } = recorder()
    const stream = new PassThrough()
    for (let i = 0; i < 3; i++) expect(opened(() => stream)).toBe(stream)
    stream.end('abc')
    stream.resume()
    await once(stream, 'close')
    expect(taken().map(withoutTimes)).toEqual(
      Array.from({ length: 3 }, () => ({ 'stream.items': 1, 'stream.bytes': 3 })),
    )
  })

  test('of a file, through a pipeline', async () => {
    const { capture, taken } = recorder()
    const read = capture('read', () => createReadStream(THIS_FILE), { stream: true })
    const zip = capture('zip', () => createGzip(), { stream: true })
    const write = capture('write', (path: string) => createWriteStream(path), { stream: true })
    await pipeline(read(), zip(), write(join(tmpdir(), `kronicler-stream-${process.pid}.gz`)))
    const calls = taken()
    expect(calls.map(({ name }) => name).sort()).toEqual(['read', 'write', 'zip'])
    expect(calls.every(({ error }) => error === undefined)).toBe(true)
    expect(calls.find(({ name }) => name === 'read')!.attributes!['stream.bytes']).toBeGreaterThan(
      5000,
    )
  })

  test('of an http server and its client', async () => {
    const { capture, captureStream, taken } = recorder()
    const server: Server = createServer((request, response) => {
      captureStream('response', response)
      captureStream('request', request)
      response.end('x'.repeat(100_000))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const fetchIt = capture(
      'fetch',
      async () => {
        const [response] = (await once(
          get({ port: (server.address() as AddressInfo).port }),
          'response',
        )) as [IncomingMessage]
        return response
      },
      { stream: true },
    )
    for await (const _ of await fetchIt());
    server.close()
    await once(server, 'close')
    const calls = taken()
    expect(calls.map(({ name }) => name).sort()).toEqual(['fetch', 'request', 'response'])
    expect(calls.find(({ name }) => name === 'fetch')!.attributes).toMatchObject({
      'stream.bytes': 100_000,
    })
    expect(calls.find(({ name }) => name === 'response')!.attributes).toBeUndefined()
  })
})

describe('an abort', () => {
  test('by a signal is a failure', async () => {
    const { opened, taken } = recorder()
    const controller = new AbortController()
    const stream = opened(() => addAbortSignal(controller.signal, new PassThrough()))
    const told = new Promise((resolve) => stream.on('error', resolve))
    controller.abort()
    expect(await told).toMatchObject({ name: 'AbortError' })
    expect(taken()).toMatchObject([{ error: 'AbortError', attributes: undefined }])
  })
})

describe('the stream is not touched', () => {
  test('no listener is added, it does not flow, and backpressure is what it was', async () => {
    const { opened, taken } = recorder()
    const bare = new PassThrough({ highWaterMark: 4 })
    const stream = opened(() => new PassThrough({ highWaterMark: 4 }))
    expect(stream.eventNames()).toEqual(bare.eventNames())
    for (const some of [bare, stream]) {
      expect(some.write('ab')).toBe(true)
      expect(some.write('cdef')).toBe(false)
    }
    await nextTurn()
    expect(stream.readableFlowing).toBe(null)
    expect([stream.readableLength, stream.writableLength]).toEqual([
      bare.readableLength,
      bare.writableLength,
    ])
    expect(stream.readableDidRead).toBe(false)
    expect(Object.keys(stream)).toEqual(Object.keys(bare))
    expect([stream.emit.name, stream.emit.length]).toEqual([bare.emit.name, bare.emit.length])
    expect(taken()).toEqual([])
    stream.destroy()
    await once(stream, 'close')
    expect(Object.hasOwn(stream, 'emit')).toBe(false)
    expect(taken()).toHaveLength(1)
  })

  test('an emit of its own, put on before or after, is called as before, and is there in the end', async () => {
    const { opened } = recorder()
    const events: string[] = []
    const stream = new PassThrough()
    const own = function (this: Stream, ...args: Parameters<Stream['emit']>): boolean {
      events.push(`before ${String(args[0])}`)
      return EventEmitter.prototype.emit.apply(this, args)
    }
    stream.emit = own as never
    opened(() => stream)
    expect(Object.keys(stream)).toContain('emit')
    stream.destroy()
    await once(stream, 'close')
    expect(events).toContain('before close')
    expect(stream.emit).toBe(own)
    const later = opened(() => new PassThrough())
    const { emit } = later
    const wrapped = (...args: Parameters<Stream['emit']>): boolean => emit.apply(later, args)
    later.emit = wrapped as never
    later.destroy()
    await once(later, 'close')
    expect(later.emit).toBe(wrapped)
    expect(later.emit('whatever')).toBe(false)
  })

  test('what only looks like a stream is a result like any other', () => {
    const { opened, taken } = recorder()
    const results = [
      undefined,
      'text',
      { pipe() {} },
      new EventEmitter(),
      new Map(),
      { getReader() {}, [Symbol.toStringTag]: 'ReadableStream' },
      new Proxy({}, { get: () => expect.fail('read') }),
      Object.freeze(new PassThrough()),
    ]
    for (const result of results) expect(opened(() => result)).toBe(result)
    expect(taken()).toHaveLength(results.length)
    expect(() =>
      opened(() => {
        throw new RangeError('x')
      }),
    ).toThrow(RangeError)
    expect(taken()).toMatchObject([{ error: 'RangeError', asynchronous: false }])
  })

  test('finished and errors tell what they told', async () => {
    const { opened } = recorder()
    const stream = opened(() => new PassThrough())
    const error = new Error('mine')
    const told = new Promise((resolve) => finished(stream, resolve))
    stream.destroy(error)
    expect(await told).toBe(error)
  })

  test.runIf(globalThis.gc !== undefined)('one that is dropped is abandoned', async () => {
    const { opened, taken } = recorder()
    ;(() => {
      const stream = opened(() => Readable.from(['a', 'b']))
      stream.once('data', () => stream.pause())
    })()
    let calls: RecordedCall[] = []
    for (let i = 0; i < 100 && calls.length === 0; i++) {
      await wait(5)
      globalThis.gc!()
      calls = taken()
    }
    expect(calls.map(withoutTimes)).toEqual([
      { 'stream.items': 1, 'stream.bytes': 1, 'stream.abandoned': true },
    ])
  })
})

describe('a web stream', () => {
  test('lasts until it is closed or fails, and is never locked', async () => {
    const { opened, taken } = recorder()
    const stream = opened(() => new Response('abc').body!)
    expect(stream.locked).toBe(false)
    await wait(10)
    expect(taken()).toEqual([])
    expect(await new Response(stream).text()).toBe('abc')
    await nextTurn()
    const [call] = taken()
    expect(call).toMatchObject({ error: undefined, attributes: undefined, asynchronous: true })
    expect(call!.durationNs).toBeGreaterThan(9e6)
    const failing = opened(
      () => new ReadableStream({ start: (controller) => controller.error(new RangeError('x')) }),
    )
    await expect(failing.getReader().read()).rejects.toThrow(RangeError)
    const written = opened(() => new WritableStream())
    await written.close()
    const cancelled = opened(() => new ReadableStream())
    await cancelled.cancel()
    await nextTurn()
    expect(taken().map(({ error }) => error)).toEqual(['RangeError', undefined, undefined])
  })

  test('its failure is nobody’s unhandled rejection', async () => {
    const { opened } = recorder()
    const unhandled: unknown[] = []
    const listen = (reason: unknown): unknown => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    opened(() => new ReadableStream({ start: (controller) => controller.error(new Error('x')) }))
    await wait(10)
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })
})

describe('with options', () => {
  test('attributes and isError see the stream, and what it failed with', async () => {
    const { capture, taken } = recorder()
    const open = capture('open', (text: string) => Readable.from([text, text]), {
      stream: true,
      attributes: ([text], stream, error) => ({ text, ended: stream?.readableEnded, error }),
      isError: (_stream, error) => error instanceof TypeError,
    })
    for await (const _ of open('a'));
    const failing = open('b').on('error', () => undefined)
    failing.destroy(new RangeError('x'))
    await closing(failing)
    expect(taken().map((call) => [call.error, withoutTimes(call)])).toEqual([
      [undefined, { text: 'a', ended: expect.any(Boolean), 'stream.items': 2, 'stream.bytes': 2 }],
      [undefined, { text: 'b', error: 'RangeError: x' }],
    ])
  })

  test('captured calls that make the stream are its children', async () => {
    const { capture, taken } = recorder()
    const leaf = capture('leaf', () => 1)
    const open = capture('open', () => Readable.from([leaf()]), { stream: true })
    for await (const _ of open());
    leaf()
    expect(taken().map(({ name, depth, parent }) => [name, depth, parent])).toEqual([
      ['leaf', 1, 'open'],
      ['open', 0, undefined],
      ['leaf', 0, undefined],
    ])
  })

  test('parent', async () => {
    const { capture, taken } = recorder()
    const open = capture('open', () => Readable.from(['a']), { stream: true, parent: true })
    const outer = capture(
      'outer',
      async () => {
        await nextTurn()
        for await (const _ of open());
      },
      { parent: true },
    )
    await outer()
    expect(taken().map(({ name, parent }) => [name, parent])).toEqual([
      ['open', 'outer'],
      ['outer', undefined],
    ])
  })

  test('as a decorator, and as a bad option', async () => {
    const { capture, taken } = recorder()
    class Files {
      @capture({ stream: true })
      open(): Readable {
        return Readable.from(['a'])
      }
    }
    for await (const _ of new Files().open());
    expect(taken()).toMatchObject([{ name: 'Files.open', attributes: { 'stream.items': 1 } }])
    expect(() => capture(() => 1, { stream: 'yes' as never })).toThrow(TypeError)
  })
})

describe('captureStream', () => {
  test('records a stream from now on, and returns it', async () => {
    const { captureStream, taken } = recorder()
    const stream = Readable.from(['a'])
    expect(captureStream('upload', stream, { attributes: { size: 1 } })).toBe(stream)
    for await (const _ of stream);
    const [call] = taken()
    expect(call).toMatchObject({ name: 'upload', depth: 0, asynchronous: true })
    expect(withoutTimes(call!)).toEqual({ size: 1, 'stream.items': 1, 'stream.bytes': 1 })
  })

  test('takes nothing but a stream', () => {
    const { captureStream } = recorder()
    for (const value of [undefined, {}, new EventEmitter(), [], 'text']) {
      expect(() => captureStream('x', value as never)).toThrow(TypeError)
    }
    expect(() => captureStream('', new PassThrough())).toThrow(RangeError)
  })
})
