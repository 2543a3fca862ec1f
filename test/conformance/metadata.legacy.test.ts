/**
 * What decorators keep in reflect-metadata of classes, members, parameters and functions is found through captured ones.
 */
import 'reflect-metadata'
import { capture, type CaptureDecorator } from 'kronicler'
import { expect, test } from 'vitest'
import { BARE } from './kits.ts'
import { recordInTemporaryDirectory } from './recording.ts'

recordInTemporaryDirectory()

const symbol = Symbol('symbol')

/** On the member, as most libraries do, and on its function, as NestJS does. */
function note(value: unknown): MethodDecorator {
  return (target, key, descriptor) => {
    Reflect.defineMetadata('member', value, target, key)
    const fn = (descriptor.value ?? (descriptor as PropertyDescriptor).get) as object
    Reflect.defineMetadata('function', value, fn)
    Reflect.defineMetadata(symbol, { of: value }, fn)
  }
}

const noteParameter: ParameterDecorator = (target, key, index) => {
  Reflect.defineMetadata('parameter', index, target, key!)
}

function metadataOf(target: object, key?: string): unknown {
  const keys =
    key === undefined ? Reflect.getMetadataKeys(target) : Reflect.getMetadataKeys(target, key)
  return keys.map((name: string | symbol) => [
    String(name),
    key === undefined ? Reflect.getMetadata(name, target) : Reflect.getMetadata(name, target, key),
  ])
}

function observe(member: CaptureDecorator, whole: CaptureDecorator): unknown {
  @Reflect.metadata('class', 'Orders')
  @whole
  class Orders {
    @note('above')
    @member
    above(@noteParameter _id: number, _text: string): string {
      return ''
    }

    @member
    @note('below')
    below(_id: number, @noteParameter _flag: boolean): number {
      return 1
    }

    @member
    @note('static')
    static fixed(): void {}

    @member
    @note('getter')
    get size(): number {
      return 1
    }
  }
  class Derived extends Orders {}

  const { above, below } = Orders.prototype
  const { get } = Object.getOwnPropertyDescriptor(Orders.prototype, 'size')!
  return [
    metadataOf(Orders),
    metadataOf(Derived),
    ...['above', 'below', 'size'].map((key) => metadataOf(Orders.prototype, key)),
    metadataOf(Derived.prototype, 'below'),
    metadataOf(Orders, 'fixed'),
    [above, below, Orders.fixed, get!].map((fn) => [
      metadataOf(fn),
      Reflect.getOwnMetadataKeys(fn).map(String),
      Reflect.hasOwnMetadata('function', fn),
    ]),
  ]
}

test.each<[string, CaptureDecorator, CaptureDecorator]>([
  ['members', capture, BARE.wrap],
  ['the class', BARE.wrap, capture],
  ['members and the class', capture, capture],
  ['members, by name', capture('by name'), BARE.wrap],
  ['members, with options', capture({ attributes: () => ({}) }), BARE.wrap],
])('captured: %s', (_, member, whole) => {
  expect(observe(member, whole)).toEqual(observe(BARE.wrap, BARE.wrap))
})

test('of functions, bound functions and proxies', () => {
  function load(): void {}
  for (const fn of [load, load.bind(null), new Proxy(load, {}), async () => 1, function* () {}]) {
    Reflect.defineMetadata('key', { of: fn.name }, fn)
    const captured = capture('with metadata', fn as () => void)
    expect(captured).not.toBe(fn)
    expect(metadataOf(captured)).toEqual(metadataOf(fn))
    Reflect.defineMetadata('later', 1, captured)
    expect(Reflect.hasMetadata('later', fn)).toBe(false)
  }
})
