import { expect, test } from 'vitest'
import { fakeRecorder } from './fake-recorder.ts'

const { capture, taken } = fakeRecorder()

class Orders {
  readonly prefix = 'order '

  @capture
  find(id: number): string {
    return this.prefix + id
  }

  @capture('load order')
  async load(id: number): Promise<number> {
    return Promise.resolve(id)
  }

  @capture
  static all(): string[] {
    return ['a']
  }

  @capture
  get size(): number {
    return 7
  }
}

@capture
class Shop {
  open(): number {
    return 1
  }
}

test('an experimental method decorator records under Class.method', async () => {
  expect(new Orders().find(3)).toBe('order 3')
  expect(await new Orders().load(4)).toBe(4)
  expect(Orders.all()).toEqual(['a'])
  expect(taken().map((call) => call.name)).toEqual(['Orders.find', 'load order', 'Orders.all'])
})

test('an experimental decorator takes accessors and classes', () => {
  expect(new Orders().size).toBe(7)
  expect(new Shop().open()).toBe(1)
  expect(taken().map((call) => call.name)).toEqual(['get Orders.size', 'Shop.open'])
})

test('a decorated field fails at definition, with the way out', () => {
  expect(() => {
    class Wrong {
      // @ts-expect-error -- a field has no descriptor
      @capture field = (): number => 1
    }
    return Wrong
  }).toThrow(/cannot capture the field field; write field = capture/)
})
