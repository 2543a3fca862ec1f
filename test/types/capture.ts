// Compiled, never run: what `capture` gives back has the exact type of what it was given.
import { capture, configure, flushAfter, getMetrics, metrics, type Metrics } from 'kronicler'
import { assertTrue, type Equal } from './assert.ts'

// @ts-expect-error -- the check itself works
assertTrue<Equal<(a: number) => string, (a: string) => string>>()

// functions: parameters, result, generics, overloads, this, own properties
const add = (a: number, b: number): number => a + b
const captured = capture(add)
assertTrue<Equal<typeof captured, typeof add>>()
const named = capture('add', add)
assertTrue<Equal<typeof named, typeof add>>()
const withOptions = capture(add, { name: 'add' })
assertTrue<Equal<typeof withOptions, typeof add>>()
const factory = capture('add')(add)
assertTrue<Equal<typeof factory, typeof add>>()

const identity = capture(<T>(value: T): T => value)
assertTrue<Equal<ReturnType<typeof identity<'x'>>, 'x'>>()

function parse(text: string): number
function parse(text: string, radix: number): bigint
function parse(text: string, radix?: number): number | bigint {
  return radix === undefined ? Number(text) : BigInt(text)
}
const overloaded = capture(parse)
const one: number = overloaded('1')
const two: bigint = overloaded('1', 10)

function greet(this: { name: string }, greeting: string): string {
  return greeting + this.name
}
const greeter = capture(greet)
greeter.call({ name: 'x' }, 'hello ')
// @ts-expect-error -- `this` is part of the type
greeter('hello ')

const tagged = capture(Object.assign(() => 1, { version: 2 as const }))
assertTrue<Equal<typeof tagged.version, 2>>()

const load = capture(async (id: string) => Promise.resolve({ id }))
assertTrue<Equal<Awaited<ReturnType<typeof load>>, { id: string }>>()

// @ts-expect-error -- not a function
capture(42, { name: 'x' })
// @ts-expect-error -- no such option
capture(add, { nmae: 'x' })
// @ts-expect-error -- a wrong argument stays wrong
captured('1', 2)

// standard decorators
class Orders {
  @capture
  find(id: number): string {
    return String(id)
  }

  @capture('load order')
  async load(id: number): Promise<string> {
    return Promise.resolve(String(id))
  }

  @capture({ name: 'count orders' })
  static count(): number {
    return 0
  }

  @capture()
  #secret(): number {
    return 1
  }

  reveal(): number {
    return this.#secret()
  }

  @capture
  get size(): number {
    return 1
  }

  @capture
  set size(value: number) {
    this.step = value
  }

  @capture
  accessor step = 1

  @capture
  onClick = (event: string): number => event.length
}
assertTrue<Equal<Orders['find'], (id: number) => string>>()

@capture
class Shop<T> {
  readonly stock: T[]
  constructor(stock: T[]) {
    this.stock = stock
  }
  @capture({ name: 'take' }) take(): T | undefined {
    return this.stock.pop()
  }
}
const taken: number | undefined = new Shop([1]).take()
const CapturedMap = capture(Map)
assertTrue<Equal<typeof CapturedMap, MapConstructor>>()
capture(Shop, { skip: ['take'] })

// the rest of the API
configure({
  directory: 'x',
  intervalMs: 10,
  overflow: 'block',
  sync: 'batch',
  onError: (error) => error.message,
})
// @ts-expect-error -- not a policy
configure({ overflow: 'wait' })
const found: Metrics | undefined = getMetrics('x')
for (const [name, { p99Ns }] of metrics()) Math.max(name.length, p99Ns)

export { CapturedMap, factory, found, identity, load, named, one, tagged, taken, two, withOptions }

// what options are given is typed by the function, where it is known
const _typed = capture(async (id: number, name?: string) => ({ id, name }), {
  attributes: ([id, name], result, error) => {
    assertTrue<Equal<typeof id, number>>()
    assertTrue<Equal<typeof name, string | undefined>>()
    assertTrue<Equal<typeof result, { id: number; name: string | undefined } | undefined>>()
    assertTrue<Equal<typeof error, unknown>>()
    return { id, name, result, error }
  },
  isError: (result) => result?.id === 0,
})
assertTrue<Equal<ReturnType<typeof _typed>, Promise<{ id: number; name: string | undefined }>>>()
capture('typed', (text: string) => text.length, {
  attributes: ([text], length) => ({ text, length: (length ?? 0) + 1 }),
  sample: 0.5,
  slowerThan: '5ms',
  parent: true,
})
capture({ attributes: (args) => ({ first: args[0] }) })((n: number) => n)
// @ts-expect-error -- the function takes no string
capture((n: number) => n, { attributes: ([n]) => n.toUpperCase() })
// @ts-expect-error -- no such option
capture((n: number) => n, { sampling: 1 })
capture(
  'generator',
  function* (n: number): Generator<string, number, boolean> {
    return (yield 'text') ? n : 0
  },
  {
    isError: (last) => {
      assertTrue<Equal<typeof last, number | undefined>>()
      return last === 0
    },
  },
)
const _items = capture(
  async function* (n: number): AsyncGenerator<string, number, boolean> {
    return (yield 'text') ? n : 0
  },
  {
    isError: (last) => {
      assertTrue<Equal<typeof last, number | undefined>>()
      return last === 0
    },
  },
)
assertTrue<Equal<typeof _items, (n: number) => AsyncGenerator<string, number, boolean>>>()

// a handler keeps its type
const _handler = flushAfter(async (event: { id: number }, _context: object) => event.id)
assertTrue<Equal<typeof _handler, (event: { id: number }, _context: object) => Promise<number>>>()
const _answer = flushAfter(() => 'ok', { timeoutMs: 500 })
assertTrue<Equal<typeof _answer, () => string>>()
// @ts-expect-error -- no such option
flushAfter(() => 'ok', { timeout: 500 })
// @ts-expect-error -- no function
flushAfter('handler')
