/**
 * What can be seen of a class and of its instances, when members of it or all of it are captured: bare and captured
 * side by side.
 */
import { inspect } from 'node:util'
import { capture, getMetrics, type CaptureDecorator } from 'kronicler'
import { describe, expect, test } from 'vitest'
import { BARE } from './kits.ts'
import { outcomeOf, ownProperties, plain } from './observe.ts'
import { recordInTemporaryDirectory } from './recording.ts'

recordInTemporaryDirectory()

/** Own properties of functions look at themselves in the table of forms; here they would only be noise. */
function shapeOf(value: object): unknown {
  return ownProperties(value)
}

describe('members', () => {
  test.each<[string, (wrap: CaptureDecorator) => unknown]>([
    [
      'the class, its prototype and an instance have the same properties with the same attributes',
      (wrap) => {
        const symbol = Symbol('symbol')
        class Orders {
          static version = 1
          own = 2
          @wrap find(): number {
            return 1
          }
          @wrap static create(): Orders {
            return new this()
          }
          @wrap get size(): number {
            return 1
          }
          @wrap set size(_: number) {}
          @wrap accessor step = 3;
          @wrap [symbol](): number {
            return 1
          }
          @wrap handler = (): number => this.own
          @wrap static #hidden(): number {
            return 4
          }
          static hidden(): number {
            return this.#hidden()
          }
        }
        const orders = Orders.create()
        return [
          [Orders, Orders.prototype, orders].map(shapeOf),
          Object.keys(orders),
          JSON.stringify(orders),
          inspect(orders).replace(/\[Function.*\]/, 'function'),
          Orders.hidden(),
          orders.handler(),
          Orders.name,
          Orders.length,
          Orders.prototype.constructor === Orders,
          String(Orders) === Function.prototype.toString.call(Orders),
        ]
      },
    ],
    [
      'members that are named by a protocol',
      (wrap) => {
        class Money {
          readonly cents = 250;
          @wrap [Symbol.toPrimitive](hint: string): unknown {
            return hint === 'number' ? this.cents : `${hint} ${this.cents}`
          }
          @wrap toJSON(): unknown {
            return { cents: this.cents }
          }
          @wrap get [Symbol.toStringTag](): string {
            return 'Money'
          }
          @wrap static [Symbol.hasInstance](value: unknown): boolean {
            return typeof value === 'object' && value !== null && 'cents' in value
          }
          @wrap [inspect.custom](): string {
            return `<${this.cents}>`
          }
          @wrap [Symbol.iterator](): Iterator<number> {
            let left = 2
            return { next: () => ({ done: left === 0, value: left-- }) }
          }
          @wrap [Symbol.replace](text: string, by: string): string {
            return `${text}:${by}`
          }
        }
        const money = new Money()
        return [
          Number(money),
          Reflect.apply(String.prototype.concat, '', [money]),
          JSON.stringify({ money }),
          Object.prototype.toString.call(money),
          { cents: 1 } instanceof Money,
          {} instanceof Money,
          inspect({ money }),
          [...(money as unknown as Iterable<number>)],
          'text'.replace(money as never, 'by'),
        ]
      },
    ],
    [
      'private members and brand checks',
      (wrap) => {
        class Account {
          #balance = 5
          @wrap #add(amount: number): number {
            return (this.#balance += amount)
          }
          @wrap get #double(): number {
            return this.#balance * 2
          }
          @wrap set #amount(value: number) {
            this.#balance = value
          }
          @wrap accessor #step = 1
          @wrap add(amount: number): number {
            this.#step++
            return this.#add(amount)
          }
          all(): unknown {
            this.#amount = 40
            return [this.#double, this.#step, this.#balance]
          }
          static has(value: object): boolean {
            return #add in value
          }
        }
        const account = new Account()
        const { add } = account
        return [
          account.add(1),
          account.all(),
          Account.has(account),
          Account.has({}),
          outcomeOf(() => Reflect.apply(add, {}, [1])),
          outcomeOf(() => Reflect.apply(add, undefined, [1])),
        ]
      },
    ],
    [
      'inheritance: overriding, super calls, getters of a base, receivers',
      (wrap) => {
        class Base {
          name = 'base'
          @wrap hello(greeting: string): string {
            return `${greeting} ${this.name}`
          }
          @wrap get loud(): string {
            return this.name.toUpperCase()
          }
          @wrap static make(): Base {
            return new this()
          }
          @wrap chained(): this {
            return this
          }
        }
        class Derived extends Base {
          override name = 'derived'
          @wrap override hello(greeting: string): string {
            return `${super.hello(greeting)}!`
          }
          @wrap override get loud(): string {
            return `${super.loud}!`
          }
          @wrap static override make(): Base {
            return super.make()
          }
        }
        const derived = Derived.make()
        return [
          derived.hello('hi'),
          derived.loud,
          derived.chained() === derived,
          plain(derived),
          derived.constructor.name,
          Reflect.get(Base.prototype, 'loud', { name: 'receiver' }),
          Reflect.apply(Base.prototype.hello, { name: 'borrowed' }, ['hi']),
          Object.getOwnPropertyNames(Derived.prototype),
        ]
      },
    ],
    [
      'errors of members: what is thrown, and a setter that is missing',
      (wrap) => {
        class Fragile {
          @wrap get only(): number {
            return 1
          }
          @wrap fail(): never {
            throw new RangeError('no')
          }
          @wrap accessor checked: unknown = 0
        }
        const fragile = new Fragile()
        return [
          outcomeOf(() => Reflect.set(fragile, 'only', 2)),
          outcomeOf(() => {
            ;(fragile as { only: number }).only = 2
          }),
          outcomeOf(() => fragile.fail()),
          outcomeOf(() => Reflect.get(Fragile.prototype, 'checked')),
          outcomeOf(
            () => Reflect.construct(fragile.fail, []) as unknown,
            (error) => typeof error,
          ),
        ]
      },
    ],
  ])('%s', (_, observe) => {
    const bare = observe(BARE.wrap)
    expect(observe(capture)).toEqual(bare)
    expect(observe(capture('class member'))).toEqual(bare)
    expect(observe(capture({ attributes: (args) => ({ args: args.length }) }))).toEqual(bare)
  })
})

describe('a captured class', () => {
  test('is the very same class, with the same properties and attributes', () => {
    const make = (wrap: CaptureDecorator): unknown => {
      class Shop {
        static #made = 0
        static readonly kinds = ['a']
        stock = 1
        constructor(_first: number, _second?: number) {
          Shop.#made++
        }
        open(): number {
          return this.stock
        }
        async load(): Promise<number> {
          return this.stock
        }
        get size(): number {
          return 1
        }
        static made(): number {
          return Shop.#made
        }
        static {
          Object.defineProperty(this.prototype, 'fixed', { value: () => 1 })
          Object.defineProperty(this.prototype, 'hidden', {
            value: () => 2,
            configurable: true,
            writable: false,
          })
        }
      }
      const Captured = wrap(Shop)
      const shop = new Captured(1)
      class Supermarket extends Captured {
        override open(): number {
          return super.open() + 1
        }
      }
      return [
        Captured === Shop,
        [Shop, Shop.prototype, shop].map(shapeOf),
        [shop.open(), shop.size, Shop.made(), new Supermarket(1).open(), Supermarket.made()],
        [shop instanceof Shop, new Supermarket(1) instanceof Shop, Shop.length, Shop.name],
        String(Shop),
        outcomeOf(() => (Shop as unknown as () => void)()),
      ]
    }
    expect(make(capture as CaptureDecorator)).toEqual(make(BARE.wrap))
    expect(make(capture('Shop of its own name'))).toEqual(make(BARE.wrap))
    expect(getMetrics('Shop.open')!.calls).toBe(2)
  })

  test('that is frozen, or has no prototype methods, is left as it is', () => {
    const Frozen = class {
      open(): number {
        return 1
      }
    }
    Object.freeze(Frozen.prototype)
    const { open } = Frozen.prototype
    expect(capture(Object.freeze(Frozen)).prototype.open).toBe(open)
    class Empty {}
    expect(Reflect.ownKeys(capture(Empty).prototype)).toEqual(['constructor'])
  })

  test('with members that are captured themselves counts their calls once', () => {
    @capture
    class Twice {
      @capture find(): number {
        return 1
      }
      @capture @capture again(): number {
        return 2
      }
      plainly(): number {
        return 3
      }
    }
    const twice = new (capture(Twice))()
    expect([twice.find(), twice.again(), twice.plainly()]).toEqual([1, 2, 3])
    const calls = ['find', 'again', 'plainly'].map((key) => getMetrics(`Twice.${key}`)!.calls)
    expect(calls).toEqual([1, 1, 1])
  })
})

test('the metadata of standard decorators is one object for all of them', () => {
  const observe = (wrap: CaptureDecorator): unknown => {
    const metadata = { shared: true }
    const seen: unknown[] = []
    const note = (label: string) => (value: unknown, context: DecoratorContext) => {
      seen.push([label, context.kind, String(context.name), typeof value])
      context.addInitializer(function (this: unknown) {
        seen.push([label, 'initializer', typeof this])
      })
      Object.assign((context as { metadata?: object }).metadata ?? metadata, {
        [label]: context.kind,
      })
    }
    @note('class')
    class Noted {
      @note('outside') @wrap @note('inside') method(): number {
        return 1
      }
      @note('outside') @wrap get getter(): number {
        return 1
      }
      @note('outside') @wrap accessor value = 1
    }
    return [
      new Noted().method(),
      seen,
      metadata,
      (Noted as { [Symbol.metadata]?: unknown })[Symbol.metadata],
    ]
  }
  expect(observe(capture)).toEqual(observe(BARE.wrap))
})

describe('disposal', () => {
  test('using and await using call captured methods, in order, with errors as they are', async () => {
    const observe = async (wrap: CaptureDecorator): Promise<unknown> => {
      const order: unknown[] = []
      class Resource implements Disposable, AsyncDisposable {
        readonly name: string
        constructor(name: string) {
          this.name = name
        }
        @wrap [Symbol.dispose](): void {
          order.push(`dispose ${this.name}`)
          if (this.name === 'failing') throw new RangeError('no')
        }
        @wrap async [Symbol.asyncDispose](): Promise<void> {
          order.push(`async dispose ${this.name}`)
          await Promise.resolve()
          order.push(`async disposed ${this.name}`)
        }
      }
      {
        using first = new Resource('first')
        using second = new Resource('second')
        order.push(first.name, second.name)
      }
      try {
        using failing = new Resource('failing')
        order.push(failing.name)
        throw new TypeError('body')
      } catch (error) {
        const { name, error: disposal, suppressed } = error as SuppressedError
        order.push(name, plain(disposal), plain(suppressed))
      }
      {
        await using resource = new Resource('third')
        order.push(resource.name)
      }
      return order
    }
    expect(await observe(capture)).toEqual(await observe(BARE.wrap))
  })
})
