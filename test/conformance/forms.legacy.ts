/* eslint-disable prefer-rest-params -- the arguments object is one of the things looked at */
/**
 * Members decorated in the mode of `experimentalDecorators`.
 */
import type { AnyFunction, Body, Kit, Subject } from './form.ts'

export function method(body: Body, { wrap }: Kit): Subject {
  class Holder {
    @wrap
    legacyMethod(first?: unknown, second: unknown = 'default', ...rest: unknown[]): unknown {
      const parameters = [first, second, rest]
      return body({ self: this, args: [...arguments], parameters, newTarget: undefined })
    }
  }
  const receiver = new Holder()
  return {
    fn: receiver.legacyMethod as AnyFunction,
    receiver,
    use: (...args) => receiver.legacyMethod(...args),
  }
}

export function asyncMethod(body: Body, { wrap }: Kit): Subject {
  class Holder {
    @wrap
    async legacyAsync(
      first?: unknown,
      second: unknown = 'default',
      ...rest: unknown[]
    ): Promise<unknown> {
      const parameters = [first, second, rest]
      return body({ self: this, args: [...arguments], parameters, newTarget: undefined })
    }
  }
  const receiver = new Holder()
  return {
    fn: receiver.legacyAsync as AnyFunction,
    receiver,
    use: (...args) => receiver.legacyAsync(...args),
  }
}

export function generatorMethod(body: Body, { wrap }: Kit): Subject {
  class Holder {
    @wrap
    *legacyItems(first?: unknown): Generator {
      const parameters = [first]
      const result = body({ self: this, args: [...arguments], parameters, newTarget: undefined })
      const sent: unknown = yield result
      return sent ?? result
    }
  }
  const receiver = new Holder()
  return {
    fn: receiver.legacyItems as AnyFunction,
    receiver,
    use: (...args) => receiver.legacyItems(...args),
  }
}

export function staticMethod(body: Body, { wrap }: Kit): Subject {
  class Holder {
    @wrap
    static legacyStatic(first?: unknown, second: unknown = 'default', ...rest: unknown[]): unknown {
      const parameters = [first, second, rest]
      return body({ self: this, args: [...arguments], parameters, newTarget: undefined })
    }
  }
  return {
    fn: Holder.legacyStatic as AnyFunction,
    receiver: Holder,
    use: (...args) => Holder.legacyStatic(...args),
  }
}

export function getter(body: Body, { wrap }: Kit): Subject {
  class Holder {
    @wrap
    get legacyGetter(): unknown {
      return body({ self: this, args: [...arguments], parameters: [], newTarget: undefined })
    }
  }
  const receiver = new Holder()
  const { get } = Object.getOwnPropertyDescriptor(Holder.prototype, 'legacyGetter')!
  return { fn: get as AnyFunction, receiver, use: () => receiver.legacyGetter }
}

export function setter(body: Body, { wrap }: Kit): Subject {
  class Holder {
    @wrap
    set legacySetter(value: unknown) {
      body({ self: this, args: [...arguments], parameters: [value], newTarget: undefined })
    }
  }
  const receiver = new Holder()
  const { set } = Object.getOwnPropertyDescriptor(Holder.prototype, 'legacySetter')!
  return { fn: set as AnyFunction, receiver, use: (value) => void (receiver.legacySetter = value) }
}

export function methodOfClass(body: Body, { wrap }: Kit): Subject {
  @wrap
  class Holder {
    legacyOfClass(first?: unknown, second: unknown = 'default', ...rest: unknown[]): unknown {
      const parameters = [first, second, rest]
      return body({ self: this, args: [...arguments], parameters, newTarget: undefined })
    }
  }
  const receiver = new Holder()
  return {
    fn: receiver.legacyOfClass as AnyFunction,
    receiver,
    use: (...args) => receiver.legacyOfClass(...args),
  }
}
