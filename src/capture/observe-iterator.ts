/**
 * @module capture/observe-iterator
 * Puts methods of ours in front of those of an iterator. They become own properties of the `prototype` object of its
 * generator function, from which its iterators inherit and which nobody looks at; what is known of an iterator stands in
 * a private field of it. So it has no property that a bare one has not, and being observed costs it some nanoseconds.
 *
 * Where that object is not as the engine has made it (it has members, is frozen, or belongs to others too), and where the
 * iterator is observed already, the methods become own, non-enumerable properties of the iterator.
 */

const REQUESTS = ['next', 'return', 'throw'] as const
const { getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect

/** What is asked of an iterator. */
export type IteratorRequest = (typeof REQUESTS)[number]

type Method = (this: unknown, ...args: never[]) => unknown
export type IteratorMethods = Record<IteratorRequest, Method>

/** @returns what is known of an iterator; undefined: it is not observed */
export type ObservedOf<T> = (iterator: unknown) => T | undefined

/** @returns the methods in front of those beneath, which they call; they must not lead to an iterator */
export type MethodsInFront<T> = (
  beneath: IteratorMethods,
  observedOf: ObservedOf<T>,
) => IteratorMethods

/** May throw: an iterator can let nobody near it. */
export type ObserveIterator<T> = (iterator: object, observed: T, inFront: MethodsInFront<T>) => void

/** Gives its constructor's argument as the new object, so that a subclass adds its private field to that. */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- the constructor is all there is to it
class Given {
  constructor(object: object) {
    return object
  }
}

/** An iterator with a private field, which is found faster than in a WeakMap. */
class ObservedIterator extends Given {
  readonly #observed: unknown

  constructor(iterator: object, observed: unknown) {
    super(iterator)
    this.#observed = observed
  }

  static of(value: unknown): unknown {
    return typeof value === 'object' && value !== null && #observed in value
      ? value.#observed
      : undefined
  }
}

export function createObserveIterator<T>(): ObserveIterator<T> {
  /** Prototype objects whose iterators are observed if they have the private field. */
  const adopted = new WeakSet()
  const ofField: ObservedOf<T> = (value) => ObservedIterator.of(value) as T | undefined

  function observeAlone(iterator: object, observed: T, inFront: MethodsInFront<T>): void {
    const beneath = methodsOf(iterator)
    const methods = inFront(beneath, (value) => (value === iterator ? observed : undefined))
    defineMethods(iterator, methods, beneath)
  }

  return function observeIterator(iterator, observed, inFront) {
    const prototype = getPrototypeOf(iterator)
    if (prototype === null) return
    if (!adopted.has(prototype) && isUntouched(prototype)) {
      const beneath = getPrototypeOf(prototype) as IteratorMethods
      defineMethods(prototype, inFront(beneath, ofField), beneath)
      adopted.add(prototype)
    }
    if (adopted.has(prototype) && ofField(iterator) === undefined) {
      new ObservedIterator(iterator, observed)
    } else {
      // a function of its own: what is kept of one iterator must not be kept by what lasts
      observeAlone(iterator, observed, inFront)
    }
  }
}

/** Whether the object is a generator function's, as the engine has made it: then nobody else inherits from it. */
function isUntouched(prototype: object): boolean {
  const parent = getPrototypeOf(prototype)
  return (
    ownKeys(prototype).length === 0 &&
    Object.isExtensible(prototype) &&
    parent !== null &&
    REQUESTS.every((request) => Object.hasOwn(parent, request))
  )
}

/** The methods of an iterator as it is: looked up when they are called, unless they are its own. */
function methodsOf(iterator: object): IteratorMethods {
  const own: PropertyDescriptorMap = {}
  for (const request of REQUESTS) {
    const descriptor = getOwnPropertyDescriptor(iterator, request)
    if (descriptor !== undefined) own[request] = descriptor
  }
  return Object.create(getPrototypeOf(iterator), own) as IteratorMethods
}

/** Only what there is beneath: an iterator need not have all of them. */
function defineMethods(holder: object, methods: IteratorMethods, beneath: IteratorMethods): void {
  for (const request of REQUESTS) {
    if (typeof beneath[request] !== 'function') continue
    Object.defineProperty(holder, request, {
      value: methods[request],
      writable: true,
      configurable: true,
      enumerable: false,
    })
  }
}
