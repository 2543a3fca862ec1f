// Compiled, never run: every kind of function, given to `capture` in every way, keeps its exact type.
import { capture, captureCallback, type CaptureOptions } from 'kronicler'
import { assertTrue, type Equal } from './assert.ts'

const options = {
  attributes: (args, result, error) => ({ args, result, error }),
  isError: (_, error) => error !== undefined,
  slowerThan: '5ms',
  sample: 0.5,
  parent: true,
} satisfies CaptureOptions

// overloads
function parse(text: string): number
function parse(text: string, radix: number): bigint
function parse(text: string, radix?: number): number | bigint {
  return radix === undefined ? Number(text) : BigInt(text)
}
const overloaded = [
  capture(parse),
  capture(parse, options),
  capture('parse', parse),
  capture('parse', parse, options),
  capture('parse')(parse),
  capture({ name: 'parse', ...options })(parse),
  capture()(parse),
] as const
assertTrue<Equal<(typeof overloaded)[number], typeof parse>>()
const asNumber: number = overloaded[1]('1')
const asBigint: bigint = overloaded[5]('1', 10)
// @ts-expect-error -- no such overload
overloaded[0]('1', 'x')

// generics, with constraints and defaults
function pick<T extends object, K extends keyof T = keyof T>(from: T, key: K): T[K] {
  return from[key]
}
const generic = [
  capture(pick),
  capture(pick, options),
  capture('pick', pick),
  capture('pick', pick, options),
  capture('pick')(pick),
  capture(options)(pick),
  capture()(pick),
] as const
assertTrue<Equal<(typeof generic)[number], typeof pick>>()
const picked: number = generic[3]({ a: 1 }, 'a')
// @ts-expect-error -- no such key
generic[0]({ a: 1 }, 'b')

// the type of `this`
function greet(this: { name: string }, greeting: string): string {
  return greeting + this.name
}
const greeting = [
  capture(greet),
  capture(greet, options),
  capture('greet', greet),
  capture('greet', greet, options),
  capture('greet')(greet),
  capture(options)(greet),
  capture()(greet),
] as const
assertTrue<Equal<(typeof greeting)[number], typeof greet>>()
greeting[0].call({ name: 'x' }, 'hello ')
// @ts-expect-error -- another this
greeting[1].call({ title: 'x' }, 'hello ')

// own properties, call and construct signatures
interface Request {
  (path: string): Promise<string>
  new (base: string): { base: string }
  readonly defaults: { timeoutMs: number }
  get: <T>(path: string) => Promise<T>
}
declare const request: Request
const requests = [
  capture(request),
  capture(request, { name: 'request' }),
  capture('request', request),
  capture('request')(request),
  capture()(request),
] as const
assertTrue<Equal<(typeof requests)[number], Request>>()
const { base } = new requests[0]('x')
const got: Promise<number> = requests[1].get<number>('x')
// @ts-expect-error -- readonly as before
requests[0].defaults = { timeoutMs: 1 }

// predicates and assertions
const isText = capture((value: unknown): value is string => typeof value === 'string')
const assertText: (value: unknown) => asserts value is string = capture(function assertText(
  value: unknown,
): asserts value is string {
  if (typeof value !== 'string') throw new TypeError('no text')
})
export function lengthOf(value: unknown, other: unknown): number {
  if (!isText(value)) return 0
  assertText(other)
  return value.length + other.length
}

// async, generators, optional and rest parameters, tuples
async function load<T>(id: string, parse?: (text: string) => T): Promise<T | undefined> {
  return Promise.resolve(parse?.(id))
}
function* items(first: number, ...rest: readonly number[]): Generator<number, string, boolean> {
  const more: boolean = yield first
  return String(more ? rest : first)
}
async function* pages(from = 0): AsyncGenerator<number, void, undefined> {
  yield Promise.resolve(from)
}
const asynchronous = [
  capture(load),
  capture(load, options),
  capture('x', load),
  capture()(load),
] as const
assertTrue<Equal<(typeof asynchronous)[number], typeof load>>()
const iterated = [
  capture(items),
  capture(items, options),
  capture('x', items),
  capture()(items),
] as const
assertTrue<Equal<(typeof iterated)[number], typeof items>>()
const paged = [
  capture(pages),
  capture(pages, options),
  capture('x', pages),
  capture()(pages),
] as const
assertTrue<Equal<(typeof paged)[number], typeof pages>>()
const variadic = capture((...args: [id: number, name?: string]) => args)
assertTrue<Equal<Parameters<typeof variadic>, [id: number, name?: string]>>()

// what is inferred from where it is used
const doubled: (value: number) => number = capture((value) => value * 2)
const sorted = [3, 1].sort(capture((a: number, b: number) => a - b))
const handler: { onEvent?: (event: { id: number }) => void } = {
  onEvent: capture(({ id }) => Math.abs(id)),
}

// classes: abstract, generic, with private members
abstract class Base<T> {
  protected abstract make(): T
  #count = 0
  take(): T {
    return this.#count > 0 ? this.take() : this.make()
  }
  static readonly kind = 'base' as const
}
const CapturedBase = [
  capture(Base),
  capture(Base, { skip: ['take'] }),
  capture('Base', Base),
] as const
assertTrue<Equal<(typeof CapturedBase)[number], typeof Base>>()
class Numbers extends capture(Base)<number> {
  protected override make(): number {
    return 1
  }
}
const taken: number = new Numbers().take()
// @ts-expect-error -- abstract as before
new CapturedBase[0]()

// callback style
type Callback = (error: Error | null, text?: string) => void
function read(path: string, callback: Callback): void
function read(path: string, encoding: string, callback: Callback): void
function read(_path: string, ..._rest: unknown[]): void {
  // never run
}
const reads = [
  captureCallback(read),
  captureCallback('read', read),
  captureCallback(read, { name: 'read' }),
] as const
assertTrue<Equal<(typeof reads)[number], typeof read>>()
// @ts-expect-error -- the callback is as it was
reads[0]('x', (error: string) => error)

// decorators, with every form of options
class Everything<T> {
  @capture one(value: T): T {
    return value
  }
  @capture() two<U>(value: U): U {
    return value
  }
  @capture('three') three(this: Everything<string>): Everything<string> {
    return this
  }
  @capture chained(): this {
    return this
  }
  @capture({ ...options, name: 'four' }) async four(id: string, ...rest: T[]): Promise<T[]> {
    return Promise.resolve([...rest, id as T])
  }
  @capture *five(): Generator<T> {
    yield* []
  }
  @capture async *six(): AsyncGenerator<T> {
    yield* []
  }
  @capture static seven<V>(value: V): V {
    return value
  }
  @capture('eight') get eight(): T | undefined {
    return undefined
  }
  @capture(options) set eight(_: T | undefined) {
    // never run
  }
  @capture accessor nine: T | undefined
  @capture static accessor ten = 1
  @capture({ parent: true }) eleven = (value: T): T[] => [value]
  @capture #twelve(value: number): string {
    return String(value)
  }
  @capture [Symbol.toPrimitive](hint: 'number' | 'string' | 'default'): string {
    return hint + this.#twelve(1)
  }
  overloaded(value: string): string
  overloaded(value: number): number
  @capture overloaded(value: string | number): string | number {
    return value
  }

  @capture maybe: ((value: T) => void) | undefined

  // @ts-expect-error -- no function
  @capture thirteen = 1
  // @ts-expect-error -- no such option
  @capture({ nmae: 'x' }) fourteen(): void {
    // never run
  }
  // @ts-expect-error -- a sample is a number
  @capture({ sample: '10%' }) fifteen(): void {
    // never run
  }
}
declare const everything: Everything<boolean>
assertTrue<Equal<typeof everything.one, (value: boolean) => boolean>>()
assertTrue<Equal<ReturnType<typeof everything.two<'x'>>, 'x'>>()
assertTrue<Equal<typeof everything.four, (id: string, ...rest: boolean[]) => Promise<boolean[]>>>()
assertTrue<Equal<typeof everything.eight, boolean | undefined>>()
assertTrue<Equal<typeof everything.eleven, (value: boolean) => boolean[]>>()
const overloadedMethod: number = everything.overloaded(1)

@capture
abstract class Whole<T> {
  abstract make(): T
  take(): T {
    return this.make()
  }
}
@capture('By name')
class ByName extends Whole<number> {
  override make(): number {
    return 1
  }
}
@capture({ skip: ['make'] })
class Skipping extends ByName {}
assertTrue<Equal<ReturnType<Skipping['take']>, number>>()

// options
// @ts-expect-error -- one name is enough
capture('x', parse, { name: 'y' })
// @ts-expect-error -- a name is text
capture(1, parse)
// @ts-expect-error -- nothing to capture
capture('x', 'y')
// @ts-expect-error -- neither function nor options
capture(5)

export {
  asynchronous,
  iterated,
  paged,
  variadic,
  asBigint,
  asNumber,
  base,
  doubled,
  got,
  handler,
  overloadedMethod,
  picked,
  sorted,
  taken,
}
